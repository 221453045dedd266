// Command provider measures the Terraform provider on a real Kafka cluster: how
// long Terraform takes to create, plan, refresh and destroy topics with ACLs and
// schemas, near and 20 ms away, beside a rival provider on the same cluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// The steps of a configuration's life, in their order.
const (
	stepCreate      = "create"
	stepPlan        = "no-op plan"
	stepRefreshOnly = "refresh-only plan"
	stepDestroy     = "destroy"
)

var steps = []string{stepCreate, stepPlan, stepRefreshOnly, stepDestroy}

type options struct {
	Topics      []int           `default:"100,1000,5000" help:"How many topics, with three ACLs each."`
	Alone       []int           `default:"1000" help:"How many topics without ACLs; none for none."`
	Subjects    int             `default:"1000" help:"How many topics with an Avro subject each; 0 for none."`
	Events      int             `default:"1000" help:"How many events through modules/event; 0 for none."`
	RoundTrips  []time.Duration `default:"0s,20ms" help:"Round trips between Terraform and the cluster."`
	Brokers     int             `default:"6" help:"How many brokers; up to three are their own controllers. Topics have as many replicas, up to three."`
	Parallelism int             `default:"10" help:"Terraform's."`
	Rival       string          `type:"path" help:"Binary of a provider with the schema of Mongey's kafka provider, measured beside ours."`
	StepLimit   time.Duration   `default:"20m" help:"How long one step may take before it is cut off."`
	Terraform   string          `default:"terraform" help:"The terraform to run."`

	DataDir  string `default:"build/bench-provider" type:"path" help:"Where the cluster and Terraform work. It is removed at the end."`
	CacheDir string `default:"build/apache" type:"path" help:"Where Kafka and the registry are downloaded to."`
	JSON     string `default:"build/bench-provider.json" type:"path" help:"Where the figures go as JSON."`
	Markdown string `default:"build/bench-provider.md" type:"path" help:"Where the table goes as Markdown."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var o options
	kong.Parse(&o, kong.Name("bench-provider"), kong.Description("Measures the Terraform provider on a real cluster."))
	err := o.measure(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-provider:", err)
		os.Exit(1)
	}
}

func (o *options) measure(ctx context.Context) (err error) {
	if err := os.RemoveAll(o.DataDir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.DataDir, 0o755); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.DataDir)) }()
	if err := writeMirror(o); err != nil {
		return err
	}
	report := newReport()
	c, err := startCluster(ctx, o)
	if c != nil {
		defer func() { err = errors.Join(err, c.close()) }()
	}
	if err != nil {
		return err
	}
	for _, w := range o.workloads() {
		for _, trip := range o.RoundTrips {
			c.set(trip)
			if !w.Subjects && !w.Events {
				report.Lives = append(report.Lives, o.limits(ctx, c, w, trip)...)
			}
			for _, who := range o.contestants(w) {
				report.Lives = append(report.Lives, o.live(ctx, c, who, w, trip))
				// Kept after each, so that a run that is cut off has shown what it saw.
				if err := report.save(o); err != nil || ctx.Err() != nil {
					return errors.Join(err, ctx.Err())
				}
			}
		}
	}
	report.print(os.Stdout)
	return nil
}

func (o *options) workloads() []workload {
	var all []workload
	for _, n := range o.Alone {
		all = append(all, workload{Topics: n})
	}
	for _, n := range o.Topics {
		all = append(all, workload{Topics: n, ACLs: 3})
	}
	if o.Subjects > 0 {
		all = append(all, workload{Topics: o.Subjects, ACLs: 3, Subjects: true})
	}
	if o.Events > 0 {
		all = append(all, workload{Topics: o.Events, ACLs: 3, Events: true})
	}
	for i := range all {
		all[i].Replicas = min(3, o.Brokers)
	}
	return all
}

// contestants are who can do the workload: the rival has no schemas.
func (o *options) contestants(w workload) []contestant {
	if o.Rival == "" || w.Subjects || w.Events {
		return []contestant{headwater}
	}
	return []contestant{headwater, rival}
}

// live takes one configuration from its creation to its end. A step that fails
// ends it, but for the destruction; what it leaves is reported.
func (o *options) live(ctx context.Context, c *cluster, who contestant, w workload, trip time.Duration) *life {
	l := &life{Provider: who.name, Workload: w, Name: w.String(), RoundTripMS: trip.Milliseconds(), Steps: map[string]figures{}, LoadBefore: loadAverage()}
	say("%s: %s at %s", who.name, w, trip)
	name := fmt.Sprintf("%s-%d-%d-%t-%t-%s", who.name, w.Topics, w.ACLs, w.Subjects, w.Events, trip)
	space, err := openWorkspace(ctx, o, filepath.Join(o.DataDir, name), who, who.config(w, c, c.states.URL+"/"+name))
	if err != nil {
		l.Failed = err.Error()
		return l
	}
	for _, step := range steps {
		if l.Failed != "" && step != stepDestroy {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, o.StepLimit)
		f, err := space.step(limited, who, step)
		cancel()
		if err != nil {
			say("%s: %v", step, err)
			l.Failed += step + ": " + err.Error() + "\n"
			continue
		}
		say("  %s: %.1f s, provider %.0f MiB", step, f.Seconds, f.ProviderMiB)
		l.Steps[step] = f
	}
	if left, err := c.leftTopics(ctx); err != nil || left > 0 {
		l.Failed += fmt.Sprintf("%d topics are left, %v\n", left, err)
	}
	return l
}
