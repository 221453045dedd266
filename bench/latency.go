package main

import (
	"context"
	"maps"
	"slices"
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

// latencies is the runs at one rate.
type latencies struct {
	Median latency    `json:"median"`
	Each   []*latency `json:"each"`
}

// add takes the median of each figure anew. Latency counts when queues did not
// grow in most runs.
func (l *latencies) add(m *latency) {
	l.Each = append(l.Each, m)
	pick := func(value func(*latency) float64) float64 { return median(l.Each, value) }
	held := 0
	for _, one := range l.Each {
		if one.Sustained {
			held++
		}
	}
	l.Median = latency{
		Rate: m.Rate, Reached: pick(func(m *latency) float64 { return m.Reached }), Samples: l.Median.Samples + m.Samples,
		P50: pick(func(m *latency) float64 { return m.P50 }), P90: pick(func(m *latency) float64 { return m.P90 }),
		P99: pick(func(m *latency) float64 { return m.P99 }), P999: pick(func(m *latency) float64 { return m.P999 }),
		LagGrowth: pick(func(m *latency) float64 { return m.LagGrowth }), Cores: pick(func(m *latency) float64 { return m.Cores }),
		Sustained: 2*held > len(l.Each), CPU: make(map[string]float64),
	}
	for name := range m.CPU {
		l.Median.CPU[name] = pick(func(m *latency) float64 { return m.CPU[name] })
	}
}

// probeReader reads sessions as any consumer would, and takes the time for those
// of probes: such a session has one event, and begins at its receipt.
type probeReader struct {
	client *kgo.Client
	schema *event.Schema
	group  sync.WaitGroup

	mu    sync.Mutex
	took  []time.Duration
	since time.Time           // events after this are watched for; zero for none
	first map[int32]time.Time // when such a session was read, by partition
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
		if _, seen := r.first[record.Partition]; !seen && !r.since.IsZero() && s.Start.After(r.since) {
			r.first[record.Partition] = now
		}
	}
}

// watch has the reader note from which partitions sessions come of events after
// that time.
func (r *probeReader) watch(since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since, r.first = since, make(map[int32]time.Time)
}

// back lists when the first of them came, one for each partition it came from.
func (r *probeReader) back() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.first))
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
