package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
)

// measured is one run of one program over all events of an input.
type measured struct {
	CPU     float64 `json:"cpu_us_per_event"`
	PerCPU  float64 `json:"events_per_cpu_second"`
	PerWall float64 `json:"events_per_second"`
	Outputs float64 `json:"outputs_per_input"`
	Memory  float64 `json:"resident_mib"`
}

// subject is a program to measure: a processor, or the copy of its input.
type subject struct {
	name    string
	inputs  []string
	marked  bool     // the inputs end with the marker of a transaction
	outputs []string // counted; emptied before each run
	state   []string // emptied before each run
	command []string
	env     []string
	group   string
	as      string // principal
}

const (
	copyTopic     = "bench.copy"
	ledgerTopic   = "headwater.ledger"
	receiptPerSec = 2_315 // the raw records' receipt times: the case study's rate
)

// processors lists what is measured alone, each with the two copies of its
// input before it. Sessionize and aggregate read what refine wrote.
func (p *platform) subjects(raw []string) []subject {
	from := []string{processed.CustomerEventTopic}
	copyOf := func(name string, inputs []string, marked, avro bool) subject {
		return subject{
			name: name, inputs: inputs, marked: marked, outputs: []string{copyTopic}, group: copyGroup, as: "admin",
			command: []string{os.Args[0], copyVerb},
			env:     []string{envCopyFrom + "=" + exactly(inputs...), envCopyTo + "=" + copyTopic, fmt.Sprintf("%s=%t", envCopyAvro, avro)},
		}
	}
	processor := func(name string, inputs []string, marked bool, outputs ...string) subject {
		return subject{
			name: name, inputs: inputs, marked: marked, outputs: outputs, group: name, as: name,
			state: []string{"state." + name}, command: []string{program(name)},
		}
	}
	return []subject{
		copyOf("bytes of raw", raw, false, false),
		copyOf("limit of refine", raw, false, true),
		processor("refine", raw, false, processed.CustomerEventTopic, processed.IdentityLinkTopic),
		copyOf("bytes of processed", from, true, false),
		copyOf("limit of sessionize and aggregate", from, true, true),
		processor("sessionize", from, true, aggregates.SessionTopic),
		processor("aggregate", from, true, aggregates.EventCountTopic),
	}
}

// alone is the figures of all subjects: medians over the runs.
type alone struct {
	Runs     int                   `json:"runs"`
	Events   int                   `json:"events"`
	Medians  map[string]measured   `json:"medians"`
	Each     map[string][]measured `json:"each"`
	Versus   map[string]float64    `json:"of_limit"`
	VsBytes  map[string]float64    `json:"of_byte_copy"`
	Subjects []string              `json:"-"`
}

func measureAlone(ctx context.Context, p *platform, g *generator, o *options) (*alone, error) {
	if err := p.deploy(ctx, nil); err != nil {
		return nil, err
	}
	var raw []string
	for _, k := range g.kinds {
		raw = append(raw, k.topic)
	}
	if err := p.create(ctx, copyTopic, 12, nil); err != nil {
		return nil, err
	}
	if err := p.empty(ctx, raw...); err != nil {
		return nil, err
	}
	if err := p.produce(ctx, g, o.Events); err != nil {
		return nil, err
	}
	a := &alone{Runs: o.Runs, Events: o.Events, Each: map[string][]measured{}}
	for run := range o.Runs {
		for _, s := range p.subjects(raw) {
			m, err := p.run(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", s.name, err)
			}
			say("run %d of %d: %-34s %6.0f events per CPU second, %.2f outputs per input", run+1, o.Runs, s.name, m.PerCPU, m.Outputs)
			a.Each[s.name] = append(a.Each[s.name], m)
			if run == 0 {
				a.Subjects = append(a.Subjects, s.name)
			}
		}
	}
	a.summarize()
	return a, nil
}

func (a *alone) summarize() {
	a.Medians = make(map[string]measured)
	for name, each := range a.Each {
		a.Medians[name] = medians(each)
	}
	a.Versus, a.VsBytes = make(map[string]float64), make(map[string]float64)
	for _, pair := range [][3]string{
		{"refine", "limit of refine", "bytes of raw"},
		{"sessionize", "limit of sessionize and aggregate", "bytes of processed"},
		{"aggregate", "limit of sessionize and aggregate", "bytes of processed"},
	} {
		own := a.Medians[pair[0]].PerCPU
		a.Versus[pair[0]] = own / a.Medians[pair[1]].PerCPU
		a.VsBytes[pair[0]] = own / a.Medians[pair[2]].PerCPU
	}
}

func median[T any](list []T, value func(T) float64) float64 {
	values := make([]float64, len(list))
	for i, one := range list {
		values[i] = value(one)
	}
	slices.Sort(values)
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}

// produce fills the raw topics, as the gateway would have at the case study's
// rate until now.
func (p *platform) produce(ctx context.Context, g *generator, n int) error {
	say("write %d raw records", n)
	producer, err := p.place.AdminConfig(p.secrets).Client(
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(20_000))
	if err != nil {
		return err
	}
	defer producer.Close()
	begin := time.Now().Add(-time.Duration(n) * time.Second / receiptPerSec)
	var failed error
	for i := range n {
		received := begin.Add(time.Duration(i) * time.Second / receiptPerSec)
		d := g.next(received.Add(-50 * time.Millisecond))
		k := &g.kinds[d.kind]
		producer.Produce(ctx, g.record(k, d, k.avro[d.body], received), func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	}
	if err := producer.Flush(ctx); err != nil {
		return err
	}
	return failed
}

// run runs one subject from the first event to the last, and then some: the CPU
// time is that of the whole process, its start and end included.
func (p *platform) run(ctx context.Context, s subject) (measured, error) {
	total, err := p.ends(ctx, s.inputs)
	if err != nil {
		return measured{}, err
	}
	begun := time.Now()
	r, err := p.start(ctx, s)
	if err != nil {
		return measured{}, err
	}
	wall, err := p.finished(ctx, s, total, begun)
	if err := r.stop(err); err != nil {
		return measured{}, err
	}
	n, err := p.records(ctx, s.inputs)
	if err != nil {
		return measured{}, err
	}
	out, err := p.records(ctx, s.outputs)
	if err != nil {
		return measured{}, err
	}
	cpu := r.cmd.ProcessState.UserTime() + r.cmd.ProcessState.SystemTime()
	return measured{
		CPU: float64(cpu.Microseconds()) / n, PerCPU: n / cpu.Seconds(), PerWall: n / wall.Seconds(),
		Outputs: out / n, Memory: r.peakMiB(),
	}, nil
}

// finished waits until the group has committed all of its input and says how
// long that took, counted from its first commit.
func (p *platform) finished(ctx context.Context, s subject, total kadm.ListedOffsets, begun time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		committed, err := p.admin.FetchOffsets(ctx, s.group)
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return 0, err
		}
		done, any := true, false
		total.Each(func(end kadm.ListedOffset) {
			last := end.Offset
			if s.marked && last > 0 {
				last--
			}
			at, ok := committed.Lookup(end.Topic, end.Partition)
			any = any || ok
			done = done && (last == 0 || ok && at.At >= last)
		})
		if done {
			return time.Since(begun), nil
		}
		if !any {
			begun = time.Now()
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
