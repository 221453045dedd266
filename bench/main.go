// Command bench measures the platform on one machine in one go: each processor
// alone against what a bare copy of the same records costs, the whole path from
// the gateway to sessions and counts, and the latency on it. It prints one table
// and writes the same as JSON. Ratios of one run are what counts: absolute
// figures move with the machine and its neighbours.
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
	Only        []string      `default:"path,latency,alone,peer" help:"What to measure, of path, latency, alone and peer."`
	Runs        int           `default:"5" help:"Interleaved runs of each processor alone and of its limit; the table has the medians."`
	Events      int           `default:"400000" help:"Events of each of those runs."`
	Duration    time.Duration `default:"2m" help:"How long the whole path must sustain its rate."`
	Latency     time.Duration `default:"30s" help:"How long latency is measured at each rate."`
	Start       int           `default:"12000" help:"Rate to begin the search for the highest sustained one with."`
	Rates       []int         `default:"2315,23150" help:"Events per second to measure latency at: the case study's mean and ten times that."`
	PeerWarmUp  int           `default:"400000" help:"Events that sessionize and Kafka Streams warm up with."`
	PeerEvents  int           `default:"400000" help:"Events that they are measured with, after that."`
	PeerThreads int           `default:"1" help:"Stream threads of Kafka Streams."`
	PeerJava    string        `default:"-XX:+UseSerialGC -Xms256m -Xmx256m" help:"Flags of its Java."`
	Seed        uint64        `default:"1" help:"Of the events."`
	DataDir     string        `default:"build/bench" type:"path" help:"Where the measured platform keeps its data. It is removed at the end."`
	JSON        string        `default:"build/bench.json" type:"path" help:"Where the figures go as JSON."`
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
	if slices.Contains(o.Only, "latency") {
		for _, rate := range o.Rates {
			result, err := measureLatency(ctx, p, g, rate, o.Latency)
			if err != nil {
				return err
			}
			report.Latency = append(report.Latency, result)
		}
	}
	if slices.Contains(o.Only, "path") {
		if report.Path, err = searchPath(ctx, p, g, o.Start, o.Duration); err != nil {
			return err
		}
	}
	if slices.Contains(o.Only, "alone") {
		if report.Alone, err = measureAlone(ctx, p, g, o); err != nil {
			return err
		}
	}
	if slices.Contains(o.Only, "peer") {
		if report.Peer, err = measurePeer(ctx, p, g, o); err != nil {
			return err
		}
	}
	report.LoadAfter = loadAverage()
	report.print(os.Stdout)
	return report.save(filepath.Clean(o.JSON))
}

// say reports progress, apart from the table.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
