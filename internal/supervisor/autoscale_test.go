package supervisor

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"headwater.internal/platform/internal/capacity"
)

// broker is what the autoscaler reads: one input with two partitions that grows
// at a rate.
type broker struct {
	mu    sync.Mutex
	begun time.Time
	rate  float64
	err   error
}

func (b *broker) offsets(_ context.Context, group string) (map[capacity.Partition]capacity.Offsets, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if group != "refine" {
		return nil, errors.New("asked for " + group)
	}
	end := int64(time.Since(b.begun).Seconds() * b.rate)
	at := capacity.Offsets{Stable: end, Committed: end}
	return map[capacity.Partition]capacity.Offsets{{Topic: "in", Number: 0}: at, {Topic: "in", Number: 1}: at}, b.err
}

func newScaledBench(t *testing.T, b *broker) *bench {
	t.Helper()
	dir := t.TempDir()
	config := testConfig(dir)
	config.Offsets, config.ScaleInterval = b.offsets, 20*time.Millisecond
	config.ScalePolicy = capacity.DefaultPolicy(1, 1)
	config.ScalePolicy.Hold = 200 * time.Millisecond
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler("token", nil))
	t.Cleanup(func() { server.Close(); s.Close(context.Background()) })
	return &bench{t: t, super: s, client: &Client{URL: server.URL, Token: "token"}, notes: dir + "/notes", dir: dir}
}

func (b *bench) scaled(highest int) Deployment {
	d := b.deployment("task", 1)
	d.Name = "refine"
	d.Environment["TEST_RECORDS_PER_SECOND"] = "1000" // while busy all the time
	d.Autoscale = &Autoscale{MinTasks: 1, MaxTasks: highest}
	return d
}

func (b *bench) await(what string, enough func(Status) bool) Status {
	b.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		s, err := b.super.Get("refine")
		if err != nil {
			b.t.Fatal(err)
		}
		if enough(s) {
			return s
		}
		if time.Now().After(end) {
			b.t.Fatalf("not in time: %s: %+v %+v", what, s, s.Scaling)
		}
	}
}

func (b *bench) publishes(name string) bool {
	b.t.Helper()
	families, err := b.super.config.Registry.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	return slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
}

// A deployment that asks for it gets the tasks that its load needs, says why, and
// loses them when the load goes; another one is left alone.
func TestAutoscales(t *testing.T) {
	load := &broker{begun: time.Now(), rate: 600}
	b := newScaledBench(t, load)
	if err := b.super.Apply(b.scaled(12)); err != nil {
		t.Fatal(err)
	}
	s := b.await("two tasks for 1,200 records/s", func(s Status) bool { return s.Tasks == 2 && len(s.TasksStatus) == 2 && s.Settled() })
	if s.Scaling == nil || s.Scaling.Changes != 1 || s.Scaling.Reason == "" {
		t.Errorf("scaling %+v", s.Scaling)
	}
	for _, name := range []string{"headwater_capacity_required", "headwater_capacity_ratio", "headwater_utilization"} {
		if !b.publishes(name) {
			t.Errorf("%s is not published", name)
		}
	}
	load.mu.Lock()
	load.rate, load.begun = 0, time.Now()
	load.mu.Unlock()
	b.await("one task for nothing", func(s Status) bool { return s.Tasks == 1 && len(s.TasksStatus) == 1 })
}

// When the brokers do not answer nothing changes, the problem is shown and the
// metrics fall silent.
func TestAutoscaleWithoutBrokers(t *testing.T) {
	b := newScaledBench(t, &broker{begun: time.Now(), err: errors.New("no brokers")})
	d := b.scaled(2)
	d.Tasks = 2
	if err := b.super.Apply(d); err != nil {
		t.Fatal(err)
	}
	s := b.await("the problem", func(s Status) bool { return s.Scaling != nil && s.Scaling.Problem == "no brokers" })
	if s.Tasks != 2 || b.publishes("headwater_utilization") {
		t.Errorf("%d tasks, published: %v", s.Tasks, b.publishes("headwater_utilization"))
	}
}

// While a deployment stays autoscaled an apply keeps the number of tasks, within
// the new bounds, and restarts none; a restart of the supervisor keeps it too.
func TestApplyKeepsScaledTasks(t *testing.T) {
	b := newBench(t)
	apply := func(d Deployment, want int) {
		t.Helper()
		if err := b.super.Apply(d); err != nil {
			t.Fatal(err)
		}
		if s, err := b.super.Get("refine"); err != nil || s.Tasks != want {
			t.Errorf("%d tasks, want %d, %v", s.Tasks, want, err)
		}
	}
	apply(b.scaled(4), 1)
	if err := b.super.setTasks("refine", 3); err != nil {
		t.Fatal(err)
	}
	apply(b.scaled(4), 3)
	apply(b.scaled(2), 2)
	if err := b.super.setTasks("refine", 4); err != nil {
		t.Fatal(err)
	}
	apply(b.scaled(4), 2) // 4 was out of bounds when it was measured
	again, err := New(testConfig(b.dir))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close(context.Background())
	if s, err := again.Get("refine"); err != nil || s.Tasks != 2 || s.Autoscale.MaxTasks != 4 {
		t.Errorf("after a restart: %+v, %v", s, err)
	}
	fixed := b.scaled(4)
	fixed.Autoscale, fixed.Tasks = nil, 1
	apply(fixed, 1)
}

// Bounds that make no sense are refused in words.
func TestAutoscaleIsValidated(t *testing.T) {
	b := newBench(t)
	for want, change := range map[string]func(*Deployment){
		"from 0 to 2":             func(d *Deployment) { d.Autoscale = &Autoscale{MaxTasks: 2} },
		"from 3 to 2":             func(d *Deployment) { d.Autoscale = &Autoscale{MinTasks: 3, MaxTasks: 2} },
		"from 1 to 65":            func(d *Deployment) { d.Autoscale.MaxTasks = 65 },
		"utilization of 78":       func(d *Deployment) { d.Autoscale.TargetUtilization = 78 },
		"autoscale with port 900": func(d *Deployment) { d.Port = 900 },
	} {
		d := b.scaled(2)
		change(&d)
		if err := d.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
