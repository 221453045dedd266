package main

import (
	"fmt"
	"math"
	"testing"
	"time"

	"headwater.internal/platform/internal/capacity"
)

// world is a processor of so many partitions whose tasks are equal, in simulated
// time. A task handles so many records per busy second; markers of transactions are
// offsets too.
type world struct {
	partitions int
	speed      float64 // records per busy second of a task
	now        time.Time
	desired    int
	arrived    float64
	handled    float64
	tasks      []capacity.Task
	starting   []time.Time // when tasks that were asked for begin to work
	next       int
}

const startUp = 45 * time.Second // of a task on Fargate

func newWorld(partitions, tasks int, speed float64) *world {
	w := &world{partitions: partitions, speed: speed, now: time.Unix(1_700_000_000, 0), desired: tasks}
	for range tasks {
		w.start()
	}
	return w
}

func (w *world) start() {
	w.tasks = append(w.tasks, capacity.Task{ID: fmt.Sprint("task", w.next)})
	w.next++
}

// set is what the scaler asks of ECS.
func (w *world) set(n int) {
	for ; w.desired < n; w.desired++ {
		w.starting = append(w.starting, w.now.Add(startUp))
	}
	for ; w.desired > n; w.desired-- {
		if len(w.starting) > 0 {
			w.starting = w.starting[1:]
		} else {
			w.tasks = w.tasks[:len(w.tasks)-1]
		}
	}
}

// pass lets five seconds pass at the rate and returns what the publisher sees.
func (w *world) pass(rate float64) capacity.Sample {
	const seconds = 5.0
	w.now = w.now.Add(lookEach)
	for len(w.starting) > 0 && !w.starting[0].After(w.now) {
		w.starting = w.starting[1:]
		w.start()
	}
	w.arrived += rate * seconds
	can := float64(len(w.tasks)) * w.speed * seconds
	done := min(w.arrived-w.handled, can)
	w.handled += done
	for i := range w.tasks {
		w.tasks[i].Records += done / float64(len(w.tasks))
		w.tasks[i].BusySeconds += seconds * done / can
		w.tasks[i].LagSeconds = (w.arrived - w.handled) / max(rate, 1)
	}
	s := capacity.Sample{At: w.now, Inputs: map[capacity.Partition]capacity.Offsets{}, Tasks: append([]capacity.Task(nil), w.tasks...)}
	for p := range w.partitions {
		share := 1.1 / float64(w.partitions) // one marker for ten records
		s.Inputs[capacity.Partition{Topic: "in", Number: int32(p)}] = capacity.Offsets{Stable: int64(w.arrived * share), Committed: int64(w.handled * share)}
	}
	return s
}

func (w *world) utilization(rate float64) float64 { return rate / (float64(len(w.tasks)) * w.speed) }

// tracker is Application Auto Scaling as AWS describes target tracking: by minutes,
// out after three above the target, in after fifteen below nine tenths of it, to
// the count that the metric says.
type tracker struct {
	lowest, highest int
	high, low       int
	changes         int
}

func (a *tracker) minute(w *world, ratio float64) {
	a.high, a.low = counts(ratio > 100, a.high), counts(ratio < 90, a.low)
	if a.high < 3 && a.low < 15 || math.IsNaN(ratio) {
		return
	}
	n := min(max(int(math.Ceil(float64(w.desired)*ratio/100)), a.lowest), a.highest)
	if n != w.desired {
		a.changes++
	}
	w.set(n)
	a.high, a.low = 0, 0
}

func counts(yes bool, n int) int {
	if yes {
		return n + 1
	}
	return 0
}

// live lets so many minutes pass at the rate.
func live(w *world, g *gauge, a *tracker, minutes int, rate float64) (last reading) {
	for range minutes {
		for half := range 2 {
			for range 6 {
				g.add(w.pass(rate), w.desired)
			}
			if r, ok := g.read("refine"); ok {
				last.ratio += r.ratio
				if half == 0 {
					last.ratio = r.ratio
				}
			}
		}
		last.ratio /= 2 // a minute of CloudWatch's statistic Average
		a.minute(w, last.ratio)
	}
	return last
}

// Above the floor the tasks that AWS's slow scaler settles on are busy 70 to 78% of
// their time, wherever the load comes to rest, from below and from above, and it
// then leaves them alone. At the floor they are busy less, never more.
func TestSteadyBand(t *testing.T) {
	const speed, floor, ceiling = 1000, 2, 120
	for _, from := range []float64{100, 60_000} {
		for _, rate := range []float64{100, 1_000, 9_000, 10_300, 17_400, 23_150, 46_300, 80_000} {
			w, g := newWorld(120, floor, speed), &gauge{policy: capacity.DefaultPolicy(1, 1)}
			a := &tracker{lowest: floor, highest: ceiling}
			live(w, g, a, 60, from)
			live(w, g, a, 90, rate)
			before := a.changes
			last := live(w, g, a, 60, rate)
			busy := w.utilization(rate)
			if a.changes > before {
				t.Errorf("from %v to %v/s: the count moves still", from, rate)
			}
			if w.desired == floor {
				if busy > 0.78+1e-9 {
					t.Errorf("from %v to %v/s: %d tasks are busy %.1f%%", from, rate, w.desired, 100*busy)
				}
				continue
			}
			if busy < 0.70 || busy > 0.785 {
				t.Errorf("from %v to %v/s: %d tasks are busy %.1f%%, the ratio is %v", from, rate, w.desired, 100*busy, last.ratio)
			}
		}
	}
}

// What is asked for and starts yet counts as there: else the scaler would ask for it
// again each minute until it runs.
func TestTasksThatStartCount(t *testing.T) {
	w, g := newWorld(120, 10, 1000), &gauge{policy: capacity.DefaultPolicy(1, 1)}
	for range 30 {
		g.add(w.pass(7_800), w.desired)
	}
	if r, _ := g.read("refine"); r.ratio < 99 || r.ratio > 100 {
		t.Fatalf("at the target the ratio is %v", r.ratio)
	}
	w.set(20)
	for range 6 {
		g.add(w.pass(7_800), w.desired)
	}
	if r, _ := g.read("refine"); r.ratio < 49 || r.ratio > 50 {
		t.Errorf("with ten tasks asked for on top of ten the ratio is %v", r.ratio)
	}
}

// Where more tasks do not help, the scaler is not told to add any; what is not known
// is not said; nothing to do needs nothing.
func TestRequired(t *testing.T) {
	p := capacity.DefaultPolicy(1, 1)
	even := []float64{100, 100, 100, 100}
	for name, c := range map[string]struct {
		load  capacity.Load
		tasks int
		want  float64
	}{
		"half":                     {capacity.Load{InputRate: 780, TaskRate: 1000, Utilization: .39, Measured: 2, Behind: even}, 2, .5},
		"twice":                    {capacity.Load{InputRate: 3120, TaskRate: 1000, Utilization: 1, Measured: 2, Behind: even}, 2, 2},
		"waits for something else": {capacity.Load{InputRate: 3120, TaskRate: 1000, Utilization: .3, Measured: 2, Behind: even}, 2, 1},
		"one hot partition":        {capacity.Load{InputRate: 3120, TaskRate: 1000, Utilization: 1, Measured: 2, Behind: []float64{9000, 1, 1, 1}}, 2, 1},
		"more tasks than helps":    {capacity.Load{InputRate: 780, TaskRate: 1000, Utilization: .1, Measured: 8, Behind: even}, 8, .125},
		"nothing to do":            {capacity.Load{}, 2, 0},
		"none wished for":          {capacity.Load{InputRate: 10, TaskRate: 1000}, 0, math.NaN()},
		"none runs":                {capacity.Load{InputRate: 10, Backlog: 500}, 2, math.NaN()},
		"too little to tell":       {capacity.Load{InputRate: .1, Utilization: .0039, Measured: 2}, 2, .005},
	} {
		if got := required(p, 4, c.load, c.tasks); math.Abs(got-c.want) > 1e-9 || math.IsNaN(got) != math.IsNaN(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
