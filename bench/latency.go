package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/schemas/aggregates"
)

// latency is how long it takes from the receipt of an event to its session being
// readable, at one rate.
type latency struct {
	Rate      int     `json:"target_events_per_second"`
	Reached   float64 `json:"events_per_second"`
	P50       float64 `json:"p50_ms"`
	P90       float64 `json:"p90_ms"`
	P99       float64 `json:"p99_ms"`
	P999      float64 `json:"p999_ms"`
	Samples   int     `json:"samples"`
	LagGrowth float64 `json:"lag_growth_records_per_second"`
	Cores     float64 `json:"cores_used"`
	Sustained bool    `json:"sustained"` // else queues grew, and the latency does not count

	CPU map[string]float64 `json:"cpu_us_per_event"`
}

// probeReader reads sessions as any consumer would, and takes the time for those
// of probes: such a session has one event, and begins at its receipt.
type probeReader struct {
	client *kgo.Client
	schema *event.Schema
	group  sync.WaitGroup

	mu   sync.Mutex
	took []time.Duration
}

func (p *platform) readProbes(ctx context.Context) (*probeReader, error) {
	registry, err := sr.NewClient(sr.URLs(p.place.RegistryURL))
	if err != nil {
		return nil, err
	}
	latest, err := registry.SchemaByVersion(ctx, aggregates.SessionTopic+"-value", -1)
	if err != nil {
		return nil, err
	}
	r := &probeReader{}
	if r.schema, err = event.CompileSchema(latest.ID, latest.Schema.Schema); err != nil {
		return nil, err
	}
	r.client, err = p.place.AdminConfig(p.secrets).Client(
		kgo.ConsumeTopics(aggregates.SessionTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, err
	}
	r.group.Go(func() { r.read(ctx) })
	return r, nil
}

func (r *probeReader) read(ctx context.Context) {
	for {
		fetches := r.client.PollFetches(ctx)
		if fetches.IsClientClosed() || ctx.Err() != nil {
			return
		}
		now := time.Now()
		r.mu.Lock()
		fetches.EachRecord(func(record *kgo.Record) { r.take(record, now) })
		r.mu.Unlock()
	}
}

func (r *probeReader) take(record *kgo.Record, now time.Time) {
	var s aggregates.Session
	if record.Value == nil || r.schema.Decode(record.Value, &s) != nil {
		return
	}
	if strings.HasPrefix(s.Customer, probePrefix) && s.State == aggregates.SessionStateOpen && s.Revision == 1 {
		r.took = append(r.took, now.Sub(s.Start))
	}
}

// forget drops what was measured so far.
func (r *probeReader) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took = nil
}

func (r *probeReader) close() []time.Duration {
	r.client.Close()
	r.group.Wait()
	return r.took
}

func measureLatency(ctx context.Context, p *platform, g *generator, rate int, duration time.Duration) (*latency, error) {
	if err := p.drained(ctx, g); err != nil {
		return nil, err
	}
	reader, err := p.readProbes(ctx)
	if err != nil {
		return nil, err
	}
	load := startLoad(ctx, p, g, rate, probesEvery)
	pause(ctx, min(5*time.Second, duration/2))
	reader.forget()
	before, err := p.cpuTimes(ctx)
	if err != nil {
		return nil, err
	}
	from, begun := load.sent(), time.Now()
	lags, err := p.watchLag(ctx, g, duration)
	took := time.Since(begun).Seconds()
	reached := float64(load.sent()-from) / took
	after, cpuErr := p.cpuTimes(ctx)
	load.stop()
	samples := reader.close()
	if err != nil {
		return nil, err
	}
	if cpuErr != nil {
		return nil, cpuErr
	}
	l := &latency{
		Rate: rate, Reached: reached, Samples: len(samples), LagGrowth: slope(lags),
		P50: percentile(samples, .5), P90: percentile(samples, .9), P99: percentile(samples, .99), P999: percentile(samples, .999),
	}
	l.CPU = make(map[string]float64)
	for name, t := range after {
		l.CPU[name] = (t - before[name]) * 1e6 / (reached * took)
		l.Cores += (t - before[name]) / took
	}
	l.Sustained = reached >= minOfTarget*float64(rate) && l.LagGrowth <= maxLagGrowth*float64(rate) && load.failed() == nil
	say("latency at %d/s: p50 %.0f, p99 %.0f ms of %d, lag growing %.0f/s, %.2f cores, sustained: %t", rate, l.P50, l.P99, l.Samples, l.LagGrowth, l.Cores, l.Sustained)
	return l, nil
}
