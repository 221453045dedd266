package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
	"headwater.internal/platform/schemas/repartition"
)

// stateSize is one task of sessionize with few and with many open customers, and
// how long its partitions stand still when it is killed.
type stateSize struct {
	Customers  int       `json:"open_customers"`
	FewOpen    int       `json:"open_customers_small"`
	Few        *steadily `json:"small"`
	Many       *steadily `json:"large"`
	OnDisk     float64   `json:"state_mib"`
	LoadSecond float64   `json:"preload_events_per_second"`
	LoadCPU    float64   `json:"preload_tasks_cpu_us_per_event"`
	Restarts   []float64 `json:"restart_ms"` // from SIGKILL until the slowest partition gave a session again
	Restart    float64   `json:"restart_median_ms"`
}

// fewOpen is how many customers the small case has.
const fewOpen = 10_000

func measureState(ctx context.Context, p *platform, g *generator, o *options) (*stateSize, error) {
	w, err := p.onlySessionize(ctx, g, 1, 0)
	if err != nil {
		return nil, err
	}
	defer w.client.Close()
	s := &stateSize{Customers: o.StateCustomers, FewOpen: min(fewOpen, o.StateCustomers)}
	if _, err := p.openCustomers(ctx, w, 0, s.FewOpen); err != nil {
		return nil, err
	}
	if s.Few, err = p.measureSteady(ctx, w, o.StateRate, s.FewOpen, o.Latency); err != nil {
		return nil, err
	}
	say("%d open customers: p50 %.0f, p99 %.0f ms at %d/s, %.0f MiB", s.FewOpen, s.Few.P50, s.Few.P99, s.Few.Rate, s.Few.Memory)
	if err := p.openMany(ctx, w, s); err != nil {
		return nil, err
	}
	if s.Many, err = p.measureSteady(ctx, w, o.StateRate, s.Customers, o.Latency); err != nil {
		return nil, err
	}
	if s.OnDisk, err = p.stateMiB(ours); err != nil {
		return nil, err
	}
	say("%d open customers: p50 %.0f, p99 %.0f ms, %.0f MiB, %.0f MiB on disk", s.Customers, s.Many.P50, s.Many.P99, s.Many.Memory, s.OnDisk)
	for range min(o.Runs, kills) {
		took, err := p.killSessionize(ctx, w, o)
		if err != nil {
			return nil, err
		}
		say("sessions again %.0f ms after SIGKILL", took)
		s.Restarts = append(s.Restarts, took)
	}
	s.Restart = median(s.Restarts, func(f float64) float64 { return f })
	return s, nil
}

// openMany opens the sessions of the large case. What it costs tells a starved
// machine from a slow store.
func (p *platform) openMany(ctx context.Context, w *writer, s *stateSize) error {
	before, err := p.cpuTimes(ctx)
	if err != nil {
		return err
	}
	if s.LoadSecond, err = p.openCustomers(ctx, w, s.FewOpen, s.Customers); err != nil {
		return err
	}
	after, err := p.cpuTimes(ctx)
	if err != nil {
		return err
	}
	s.LoadCPU = (after[ours] - before[ours]) * 1e6 / float64(max(s.Customers-s.FewOpen, 1))
	say("%d customers opened at %.0f/s, %.1f us of CPU each", s.Customers-s.FewOpen, s.LoadSecond, s.LoadCPU)
	return nil
}

// onlySessionize runs that many tasks of sessionize and nothing else, on topics
// made anew: with so many partitions, zero for as many as they had.
func (p *platform) onlySessionize(ctx context.Context, g *generator, tasks int, partitions int32) (*writer, error) {
	if err := p.deploy(ctx, nil); err != nil {
		return nil, err
	}
	for _, topic := range []string{
		processed.CustomerEventTopic, processed.IdentityLinkTopic, repartition.SessionPieceTopic, // what it reads, all with as many partitions
		aggregates.SessionTopic, "state.sessionize", ledgerTopic,
	} {
		n, settings, err := p.describe(ctx, topic)
		if err != nil {
			return nil, err
		}
		if partitions > 0 && topic != ledgerTopic {
			n = partitions
		}
		if err := p.remake(ctx, topic, n, settings); err != nil {
			return nil, err
		}
	}
	if err := p.forgetGroup(ctx, ours); err != nil {
		return nil, err
	}
	if err := p.deploy(ctx, map[string]int{ours: tasks}); err != nil {
		return nil, err
	}
	return p.newWriter(ctx, g)
}

// openCustomers sends one event each of these customers, as fast as it can, and
// waits until sessionize has taken them. It returns events per second.
func (p *platform) openCustomers(ctx context.Context, w *writer, from, to int) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 12*time.Minute)
	defer cancel()
	begun := time.Now()
	for customer := from; customer < to; customer++ {
		d := w.g.probe()
		d.customer = customer
		if err := w.write(ctx, d, smallBody, time.Now()); err != nil {
			return 0, err
		}
		if customer%1_000_000 == 0 && customer > 0 {
			say("%d customers written", customer)
		}
	}
	if err := w.flush(ctx); err != nil {
		return 0, err
	}
	for left := 0.0; ; {
		now, err := p.behind(ctx)
		if err != nil {
			return 0, fmt.Errorf("open %d customers: %.0f events are left after %s: %w", to-from, left, time.Since(begun).Round(time.Second), err)
		}
		if left = now; left == 0 {
			return float64(to-from) / time.Since(begun).Seconds(), nil
		}
		if !pause(ctx, 200*time.Millisecond) {
			return 0, fmt.Errorf("open %d customers: %.0f events are left: %w", to-from, left, context.Cause(ctx))
		}
	}
}

// behind is how many processed records sessionize has yet to take.
func (p *platform) behind(ctx context.Context) (float64, error) {
	topics := []string{processed.CustomerEventTopic}
	ends, err := p.ends(ctx, topics)
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, end := range ends.Offsets()[topics[0]] {
		total += float64(end.At)
	}
	done, err := p.committed(ctx, ours, topics)
	return total - done, err
}

// killSessionize kills the task under load, and waits until a session was read of
// an event that came after that, from every partition. It returns milliseconds.
func (p *platform) killSessionize(ctx context.Context, w *writer, o *options) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	reader, err := p.readProbes(ctx)
	if err != nil {
		return 0, err
	}
	defer reader.close()
	load := startSteady(ctx, w, o.StateRate, o.StateCustomers, 4)
	// Long enough for the supervisor to take the task for stable.
	pause(ctx, stable)
	tasks, err := p.tasks(ctx, ours)
	if err == nil && len(tasks) == 0 {
		err = errors.New("no task of sessionize runs")
	}
	partitions, _, described := p.describe(ctx, aggregates.SessionTopic)
	if err = errors.Join(err, described); err != nil {
		return 0, errors.Join(err, load.stop())
	}
	killed := time.Now()
	reader.watch(killed)
	err = syscall.Kill(tasks[0].PID, syscall.SIGKILL)
	var back []time.Time
	for err == nil {
		if back = reader.back(); len(back) == int(partitions) {
			break
		}
		if !pause(ctx, 20*time.Millisecond) {
			err = fmt.Errorf("wait for sessions after SIGKILL: %d of %d partitions are back: %w", len(back), partitions, context.Cause(ctx))
		}
	}
	if err = errors.Join(err, load.stop()); err != nil {
		return 0, err
	}
	last := slices.MaxFunc(back, time.Time.Compare)
	return float64(last.Sub(killed).Microseconds()) / 1e3, nil
}

// stable is longer than the supervisor waits before it forgets an earlier end.
const stable = 31 * time.Second

// kills is how often sessionize is killed.
const kills = 3
