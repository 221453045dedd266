package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// steady writes processed events of customers drawn evenly, at a fixed rate,
// without the gateway and refine: for what measures sessionize by itself.
type steady struct {
	w      *writer
	rate   int
	among  int // customers
	probes int // one event in so many is of a customer never seen before

	sent   atomic.Int64
	cancel context.CancelFunc
	group  sync.WaitGroup
	err    error // read after stop
}

// steadyTick is how often the events that are due are written.
const steadyTick = 2 * time.Millisecond

func startSteady(ctx context.Context, w *writer, rate, among, probes int) *steady {
	ctx, cancel := context.WithCancel(ctx)
	s := &steady{w: w, rate: rate, among: among, probes: probes, cancel: cancel}
	s.group.Go(func() { s.err = s.run(ctx) })
	return s
}

func (s *steady) run(ctx context.Context) error {
	written := context.WithoutCancel(ctx) // what is on its way when the load stops
	return s.tick(ctx, func(n int64) error {
		d := s.w.g.probe()
		if int(n)%s.probes != 0 {
			d.customer = rand.IntN(s.among) //nolint:gosec // no secret
		}
		return s.w.write(written, d, smallBody, time.Now())
	})
}

// tick calls send for each event when it is due, until ctx ends.
func (s *steady) tick(ctx context.Context, send func(n int64) error) error {
	begun := time.Now()
	for pause(ctx, steadyTick) {
		due := int64(time.Since(begun).Seconds() * float64(s.rate))
		for s.sent.Load() < due {
			if err := send(s.sent.Add(1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// stop returns what went wrong while it wrote.
func (s *steady) stop() error {
	s.cancel()
	s.group.Wait()
	if s.err != nil {
		return s.err
	}
	return s.w.flush(context.Background())
}

// smallBody stands for what an event declared, where its size does not count.
var smallBody = []byte("0123456789abcdef")

// steadily is sessionize measured at a fixed rate.
type steadily struct {
	Rate      int     `json:"events_per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Samples   int     `json:"samples"`
	Memory    float64 `json:"resident_mib"`
	Tasks     float64 `json:"tasks_cpu_us_per_event"`
	Brokers   float64 `json:"brokers_cpu_us_per_event"`
	Sustained bool    `json:"sustained"`
}

// measureSteady runs sessionize at a rate, and measures after a warm-up.
func (p *platform) measureSteady(ctx context.Context, w *writer, rate, among int, duration time.Duration) (*steadily, error) {
	reader, err := p.readProbes(ctx)
	if err != nil {
		return nil, err
	}
	s := startSteady(ctx, w, rate, among, steadyProbes)
	m, err := p.watchSteady(ctx, s, reader, duration)
	samples := reader.close()
	if stopped := s.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return nil, fmt.Errorf("run sessionize at %d/s: %w", rate, err)
	}
	m.P50, m.P99, m.Samples = percentile(samples, .5), percentile(samples, .99), len(samples)
	return m, nil
}

// steadyProbes gives 100 samples a second at 5,000 events/s.
const steadyProbes = 50

func (p *platform) watchSteady(ctx context.Context, s *steady, reader *probeReader, duration time.Duration) (*steadily, error) {
	pause(ctx, min(5*time.Second, duration/2))
	reader.forget()
	before, err := p.cpuTimes(ctx)
	if err != nil {
		return nil, err
	}
	from, begun := s.sent.Load(), time.Now()
	behind, err := p.behind(ctx)
	if err != nil {
		return nil, err
	}
	if !pause(ctx, duration) {
		return nil, context.Cause(ctx)
	}
	after, err := p.cpuTimes(ctx)
	if err != nil {
		return nil, err
	}
	n, seconds := float64(s.sent.Load()-from), time.Since(begun).Seconds()
	end, err := p.behind(ctx)
	if err != nil {
		return nil, err
	}
	m := &steadily{
		Rate: s.rate, Tasks: (after[ours] - before[ours]) * 1e6 / n, Brokers: (after["brokers"] - before["brokers"]) * 1e6 / n,
		Sustained: n/seconds >= minOfTarget*float64(s.rate) && (end-behind)/seconds <= maxLagGrowth*float64(s.rate),
	}
	m.Memory, err = p.memory(ctx, ours)
	return m, err
}
