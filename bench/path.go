package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// path is one measurement of the whole path: gateway, refine, sessionize and
// aggregate, the brokers and the generator, all on this machine.
type path struct {
	Target    int                `json:"target_events_per_second"`
	Rate      float64            `json:"events_per_second"` // acknowledged by the gateway
	Seconds   float64            `json:"seconds"`
	LagGrowth float64            `json:"lag_growth_records_per_second"`
	LagEnd    float64            `json:"lag_records"`
	Sustained bool               `json:"sustained"`
	CPU       map[string]float64 `json:"cpu_us_per_event"`
	Cores     float64            `json:"cores_used"`
	RequestMS float64            `json:"request_p99_ms"`
	Note      string             `json:"note,omitempty"`
}

// flow is the runs of the whole path at one rate.
type flow struct {
	Median path    `json:"median"`
	Held   int     `json:"runs_sustained"`
	Each   []*path `json:"each"`
}

// measureFlow finds the highest rate that the whole path sustains, and measures
// it and the latencies in turn.
func measureFlow(ctx context.Context, p *platform, g *generator, o *options, r *report) error {
	if err := p.deploy(ctx, everything); err != nil {
		return err
	}
	r.Path = nil
	for run := range o.Runs {
		if slices.Contains(o.Only, "path") {
			m, err := nextPath(ctx, p, g, o, r.Path)
			if err != nil {
				return err
			}
			if r.Path == nil {
				r.Path = &flow{}
			}
			r.Path.Each = append(r.Path.Each, m)
			r.Path.summarize()
		}
		if !slices.Contains(o.Only, "latency") {
			continue
		}
		for i, rate := range o.Rates {
			m, err := measureLatency(ctx, p, g, rate, o.Latency)
			if err != nil {
				return err
			}
			if run == 0 {
				r.Latency = append(r.Latency, &latencies{})
			}
			r.Latency[i].add(m)
		}
	}
	return nil
}

func nextPath(ctx context.Context, p *platform, g *generator, o *options, before *flow) (*path, error) {
	if before == nil {
		return searchPath(ctx, p, g, o.Start, o.Duration)
	}
	return measurePath(ctx, p, g, before.Each[0].Target, o.Duration)
}

// summarize takes the median of each figure. The rate counts as sustained when
// most runs sustained it.
func (f *flow) summarize() {
	pick := func(value func(*path) float64) float64 { return median(f.Each, value) }
	f.Held = 0
	for _, m := range f.Each {
		if m.Sustained {
			f.Held++
		}
	}
	f.Median = path{
		Target: f.Each[0].Target, Rate: pick(func(m *path) float64 { return m.Rate }), Seconds: pick(func(m *path) float64 { return m.Seconds }),
		LagGrowth: pick(func(m *path) float64 { return m.LagGrowth }), LagEnd: pick(func(m *path) float64 { return m.LagEnd }),
		Cores: pick(func(m *path) float64 { return m.Cores }), RequestMS: pick(func(m *path) float64 { return m.RequestMS }),
		Sustained: 2*f.Held > len(f.Each), CPU: make(map[string]float64),
	}
	for name := range f.Each[0].CPU {
		f.Median.CPU[name] = pick(func(m *path) float64 { return m.CPU[name] })
	}
}

// What counts as sustained: the events come at the rate that was asked for, and
// what waits grows by no more than a small part of it.
const (
	minOfTarget  = 0.99
	maxLagGrowth = 0.01 // of the rate
)

// trial is how long a rate is tried in the search.
const trial = 15 * time.Second

// searchPath looks for the highest sustained rate: up in large steps until one
// fails, then between the two, and at last the best for the whole duration, less
// where that fails.
func searchPath(ctx context.Context, p *platform, g *generator, start int, duration time.Duration) (*path, error) {
	good, bad := 0, 0
	for rate := start; bad == 0 || bad-good > max(1_000, good/16); {
		m, err := measurePath(ctx, p, g, rate, min(trial, duration))
		if err != nil {
			return nil, err
		}
		if m.Sustained {
			good = rate
		} else {
			bad = rate
		}
		switch {
		case bad == 0:
			rate = rate * 3 / 2
		case good == 0 && bad < 1_000:
			return m, nil
		case good == 0:
			rate = bad / 2
		default:
			rate = (good + bad) / 2
		}
	}
	for try := 1; ; try++ {
		m, err := measurePath(ctx, p, g, good, duration)
		if err != nil || m.Sustained || try == tries {
			return m, err
		}
		good = good * 7 / 8
	}
}

// tries is how often the whole duration is tried, each at a lower rate; the last
// is reported however it went.
const tries = 5

// measurePath runs the whole path at one rate, after a warm-up.
func measurePath(ctx context.Context, p *platform, g *generator, rate int, duration time.Duration) (*path, error) {
	if err := p.drained(ctx, g); err != nil {
		return nil, err
	}
	l := startLoad(ctx, p, g, rate, 0)
	defer l.stop()
	pause(ctx, min(5*time.Second, duration/3))
	before, err := p.cpuTimes(ctx)
	if err != nil {
		return nil, err
	}
	from, begun := l.sent(), time.Now()
	lags, err := p.watchLag(ctx, g, duration)
	if err != nil {
		return nil, err
	}
	took, count := time.Since(begun).Seconds(), float64(l.sent()-from)
	after, err := p.cpuTimes(ctx)
	if err != nil {
		return nil, err
	}
	m := &path{
		Target: rate, Rate: count / took, Seconds: took, LagGrowth: slope(lags), LagEnd: lags[len(lags)-1].records,
		CPU: map[string]float64{}, RequestMS: l.requestP99(),
	}
	for name, t := range after {
		m.CPU[name] = (t - before[name]) * 1e6 / count
		m.Cores += (t - before[name]) / took
	}
	m.Sustained = m.Rate >= minOfTarget*float64(rate) && m.LagGrowth <= maxLagGrowth*float64(rate) && l.failed() == nil
	if err := l.failed(); err != nil {
		m.Note = err.Error()
	}
	say("whole path at %d/s for %.0f s: %.0f/s, lag %.0f growing %.0f/s, %.2f cores, request p99 %.0f ms, sustained: %t %s",
		rate, took, m.Rate, m.LagEnd, m.LagGrowth, m.Cores, m.RequestMS, m.Sustained, m.Note)
	return m, nil
}

type lagAt struct {
	seconds, records float64
}

// watchLag samples the lag until duration has passed.
func (p *platform) watchLag(ctx context.Context, g *generator, duration time.Duration) ([]lagAt, error) {
	begun := time.Now()
	var list []lagAt
	for time.Since(begun) < duration || len(list) < 2 {
		records, err := p.lag(ctx, g.topics())
		if err != nil {
			return nil, err
		}
		list = append(list, lagAt{time.Since(begun).Seconds(), records})
		if !pause(ctx, 500*time.Millisecond) {
			return nil, context.Cause(ctx)
		}
	}
	return list, nil
}

// slope is the growth of the lag in records per second, by least squares.
func slope(list []lagAt) float64 {
	var t, r, tt, tr float64
	n := float64(len(list))
	for _, at := range list {
		t, r = t+at.seconds, r+at.records
		tt, tr = tt+at.seconds*at.seconds, tr+at.seconds*at.records
	}
	return (n*tr - t*r) / (n*tt - t*t)
}

// drained waits until what was sent before has been processed.
func (p *platform) drained(ctx context.Context, g *generator) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		records, err := p.lag(ctx, g.topics())
		if err != nil {
			return err
		}
		if records < 200 { // markers that no commit has passed yet
			return nil
		}
		if !pause(ctx, 250*time.Millisecond) {
			return errors.New("wait for the lag of the run before: it does not go away")
		}
	}
}

func (g *generator) topics() []string {
	var list []string
	for _, k := range g.kinds {
		list = append(list, k.topic)
	}
	return list
}

// cpuTimes is the CPU time in seconds of each stage's processes.
func (p *platform) cpuTimes(ctx context.Context) (map[string]float64, error) {
	list, err := p.supervisor.List(ctx)
	if err != nil {
		return nil, err
	}
	times := make(map[string]float64)
	add := func(name string, pid int) error {
		t, err := cpuTime(pid)
		times[name] += t
		return err
	}
	errs := []error{add("brokers", p.place.PID), add("generator", os.Getpid())}
	for _, d := range list {
		for _, t := range d.TasksStatus {
			errs = append(errs, add(d.Name, t.PID))
		}
	}
	return times, errors.Join(errs...)
}

// ticksPerSecond is USER_HZ, which is 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// cpuTime reads a process's CPU time in seconds.
func cpuTime(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("read the CPU time of process %d: %q has too few fields", pid, text)
	}
	if fields[0] == "Z" {
		return 0, fmt.Errorf("process %d has ended", pid)
	}
	user, err := strconv.ParseFloat(fields[11], 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(fields[12], 64)
	return (user + system) / ticksPerSecond, err
}

// pause is false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
