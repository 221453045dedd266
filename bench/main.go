// Command bench measures the platform on one machine in one go: each processor
// alone against what a bare copy of the same records costs, the whole path from
// the gateway to sessions and counts and the latency on it, sessionize against
// Kafka Streams, a large state and a restart with it, and the cost of size. It
// prints tables, and writes them as Markdown and the figures as JSON. Ratios of
// one run are what counts: absolute figures move with the machine and its
// neighbours.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	Only     []string      `default:"path,latency,alone,peer,state,size" enum:"path,latency,alone,peer,state,size" help:"What to measure, of path, latency, alone, peer, state and size."`
	Runs     int           `default:"5" help:"Interleaved runs of all that is compared; the tables have the medians."`
	Events   int           `default:"400000" help:"Events of each run of a processor alone."`
	Duration time.Duration `default:"2m" help:"How long the whole path must sustain its rate, in each run."`
	Latency  time.Duration `default:"30s" help:"How long latency is measured at each rate, in each run."`
	Start    int           `default:"12000" help:"Rate to begin the search for the highest sustained one with."`
	Rates    []int         `default:"2315,23150" help:"Events per second to measure latency at: the case study's mean and ten times that."`

	PeerWarmUp  int    `default:"300000" help:"Events that sessionize and Kafka Streams warm up with."`
	PeerEvents  int    `default:"200000" help:"Events that they are measured with, after that."`
	PeerThreads int    `default:"1" help:"Stream threads of Kafka Streams."`
	PeerJava    string `default:"-XX:+UseSerialGC -Xms256m -Xmx256m" help:"Flags of its Java."`

	StateCustomers int           `default:"10000000" help:"Customers with an open session in one task."`
	StateRate      int           `default:"5000" help:"Events per second while state and size are measured."`
	SizeDuration   time.Duration `default:"15s" help:"How long each size is measured."`

	Seed     uint64 `default:"1" help:"Of the events."`
	DataDir  string `default:"build/bench" type:"path" help:"Where the measured platform keeps its data. It is removed at the end."`
	JSON     string `default:"build/bench.json" type:"path" help:"Where the figures go as JSON."`
	Markdown string `default:"build/bench.md" type:"path" help:"Where the tables go as Markdown."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	// The limit runs as a process of its own, so that its CPU time is its own.
	if len(args) > 0 && args[0] == copyVerb {
		return runCopy(ctx)
	}
	var o options
	parser, err := kong.New(&o, kong.Name("bench"), kong.Description("Measures the platform and prints one table."))
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); err != nil {
		return err
	}
	return o.measure(ctx)
}

func (o *options) measure(ctx context.Context) (err error) {
	report := newReport(o)
	p, err := startPlatform(ctx, o.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	g, err := newGenerator(ctx, p, o.Seed)
	if err != nil {
		return err
	}
	report.EventBytes = g.recordBytes()
	for _, s := range o.sections(p, g, report) {
		if !slices.ContainsFunc(s.parts, func(part string) bool { return slices.Contains(o.Only, part) }) {
			continue
		}
		begun := time.Now()
		// What fails is a miss with its reason; the rest is still measured.
		if err := s.within(ctx); err != nil {
			say("%s could not be measured: %v", s.name, err)
			report.Failed = append(report.Failed, failure{s.name, err.Error()})
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		say("%s took %.0f s", s.name, time.Since(begun).Seconds())
	}
	report.LoadAfter, report.Minutes = loadAverage(), time.Since(report.begun).Minutes()
	report.print(os.Stdout)
	return errors.Join(report.save(filepath.Clean(o.JSON)), report.saveMarkdown(filepath.Clean(o.Markdown)))
}

// section is a part of the report, with the time that it may take.
type section struct {
	name  string
	parts []string // by which --only names it
	limit time.Duration
	run   func(context.Context) error
}

func (s *section) within(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit, fmt.Errorf("it took longer than %s", s.limit))
	defer cancel()
	err := s.run(ctx)
	if err != nil && ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

func (o *options) sections(p *platform, g *generator, r *report) []section {
	return []section{
		{"the whole path and its latency", []string{"path", "latency"}, 35 * time.Minute, func(ctx context.Context) error {
			return measureFlow(ctx, p, g, o, r)
		}},
		{"processors alone", []string{"alone"}, 15 * time.Minute, func(ctx context.Context) (err error) {
			r.Alone, err = measureAlone(ctx, p, g, o)
			return err
		}},
		{"Kafka Streams", []string{"peer"}, 25 * time.Minute, func(ctx context.Context) (err error) {
			r.Peer, err = measurePeer(ctx, p, g, o)
			return err
		}},
		{"cost against size", []string{"size"}, 12 * time.Minute, func(ctx context.Context) (err error) {
			r.Sizes, err = measureSizes(ctx, p, g, o)
			return err
		}},
		// Last: it leaves most behind.
		{"state and restart", []string{"state"}, 15 * time.Minute, func(ctx context.Context) (err error) {
			r.State, err = measureState(ctx, p, g, o)
			return err
		}},
	}
}

// say reports progress, apart from the table.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
