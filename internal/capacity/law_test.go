package capacity

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Tasks are only even at divisors of the partition count; bounds win over that.
func TestAllowed(t *testing.T) {
	for _, c := range []struct {
		partitions, lowest, highest int
		want                        []int
	}{
		{12, 1, 12, []int{1, 2, 3, 4, 6, 12}},
		{12, 2, 8, []int{2, 3, 4, 6}},
		{6, 1, 64, []int{1, 2, 3, 6}},
		{12, 5, 5, []int{5}},
		{12, 7, 11, []int{7, 11}},
		{0, 1, 3, []int{1, 3}},
	} {
		if diff := cmp.Diff(c.want, Allowed(c.partitions, c.lowest, c.highest)); diff != "" {
			t.Errorf("Allowed(%d, %d, %d): %s", c.partitions, c.lowest, c.highest, diff)
		}
	}
}

func exact(lowest, highest int) Policy {
	p := DefaultPolicy(lowest, highest)
	p.Tolerance = 0
	return p
}

// drawLoad draws a load of busy tasks, none of them hot.
func drawLoad(t *rapid.T) Load {
	return Load{
		InputRate: rapid.Float64Range(0, 1e5).Draw(t, "input"), TaskRate: rapid.Float64Range(1, 1e4).Draw(t, "rate"),
		Backlog: rapid.Float64Range(0, 1e6).Draw(t, "backlog"), Utilization: 1, Measured: 1,
	}
}

// The law itself: what it asks for is the smallest allowed count whose
// utilization, backlog included, is at or under the target.
func TestFewestThatDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.SampledFrom([]int{1, 6, 12, 24, 120}).Draw(t, "partitions")
		p := exact(1, rapid.IntRange(1, 64).Draw(t, "max"))
		p.TargetUtilization = rapid.Float64Range(0.1, 1).Draw(t, "target")
		counts := Allowed(partitions, p.Min, p.Max)
		l := drawLoad(t)
		tasks := rapid.SampledFrom(counts).Draw(t, "tasks")
		d := Decide(p, partitions, l, History{Tasks: tasks})
		utilization := func(n int) float64 {
			return (l.InputRate + p.TargetUtilization*l.Backlog/p.CatchUp.Seconds()) / (float64(n) * l.TaskRate)
		}
		const rounding = 1e-9
		i := slices.Index(counts, d.Tasks)
		if i < 0 {
			t.Fatalf("%d tasks is none of %v", d.Tasks, counts)
		}
		if last := i == len(counts)-1; !last && utilization(d.Tasks) > p.TargetUtilization+rounding {
			t.Errorf("utilization %.3f with %d tasks: %s", utilization(d.Tasks), d.Tasks, d.Reason)
		}
		if i > 0 && utilization(counts[i-1]) < p.TargetUtilization-rounding {
			t.Errorf("%d tasks would have done instead of %d: %s", counts[i-1], d.Tasks, d.Reason)
		}
		if math.Abs(d.Ratio-d.Required/(float64(tasks)*l.TaskRate)) > rounding*d.Ratio {
			t.Errorf("ratio %v", d.Ratio)
		}
	})
}

// More load never asks for fewer tasks, and a wish that was followed stands.
func TestMonotoneAndStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DefaultPolicy(1, 12)
		l := drawLoad(t)
		h := History{Tasks: rapid.SampledFrom(Allowed(12, 1, 12)).Draw(t, "tasks"), Wanted: rapid.IntRange(0, 12).Draw(t, "held")}
		d := Decide(p, 12, l, h)
		if d.Reason == "" {
			t.Error("no reason")
		}
		more := l
		more.InputRate += rapid.Float64Range(0, 1e5).Draw(t, "more")
		if again := Decide(p, 12, more, h); again.Tasks < d.Tasks {
			t.Errorf("%d tasks for more than what needs %d", again.Tasks, d.Tasks)
		}
		h.Tasks = d.Tasks
		if again := Decide(p, 12, l, h); again.Tasks != d.Tasks {
			t.Errorf("from %d to %d on the same load: %s", d.Tasks, again.Tasks, again.Reason)
		}
	})
}

// Whatever is measured, the number of tasks stays within the bounds.
func TestStaysWithinBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lowest := rapid.IntRange(1, 10).Draw(t, "min")
		p := DefaultPolicy(lowest, lowest+rapid.IntRange(0, 10).Draw(t, "more"))
		l := drawLoad(t)
		l.TaskRate = rapid.SampledFrom([]float64{0, l.TaskRate}).Draw(t, "known")
		d := Decide(p, rapid.IntRange(0, 24).Draw(t, "partitions"), l, History{Tasks: rapid.IntRange(0, 30).Draw(t, "tasks")})
		if d.Tasks < p.Min || d.Tasks > p.Max {
			t.Errorf("%d tasks, bounds %d to %d", d.Tasks, p.Min, p.Max)
		}
	})
}

// Each guard holds exactly where adding cannot help, and says so.
func TestGuards(t *testing.T) {
	behindBy := func(p, n int) []float64 {
		list := make([]float64, 12)
		list[p] = float64(n)
		return list
	}
	even := make([]float64, 12)
	for i := range even {
		even[i] = 500
	}
	busy := Load{InputRate: 300, TaskRate: 50, Utilization: 1, Measured: 4, TimeLag: time.Minute, Behind: even, Backlog: 6000}
	with := func(change func(*Load)) Load { l := busy; change(&l); return l }
	useless := &Effect{From: 3, To: 4, Before: 150, Now: 152, For: time.Minute}
	for _, c := range []struct {
		name   string
		load   Load
		out    *Effect
		tasks  int
		reason string
	}{
		{"no guard", busy, nil, 12, "need 9.03 tasks"},
		{"no task runs", with(func(l *Load) { l.Measured = 0 }), nil, 4, "no task runs"},
		{"not busy", with(func(l *Load) { l.Utilization = 0.4 }), nil, 4, "busy only 40%"},
		{"busy just now", with(func(l *Load) { l.Utilization, l.Peak = 0.4, 0.9 }), nil, 12, "need"},
		{"hot key", with(func(l *Load) { l.Behind = behindBy(7, 6000) }), nil, 4, "partition 7 alone is 6000 records behind"},
		{"one of all that are behind", with(func(l *Load) { l.Behind = slices.Clone(even); l.Behind[7] = 2000 }), nil, 12, "need"},
		{"no help", busy, useless, 4, "from 3 to 4 tasks brought +1%"},
		{"no help yet", busy, &Effect{From: 3, To: 4, Before: 150, Now: 152, Input: 300, For: 10 * time.Second}, 4, "waits to see what going from 3 to 4 brings"},
		{"no help yet, but more comes", busy, &Effect{From: 3, To: 4, Before: 150, Now: 152, Input: 200, For: 10 * time.Second}, 12, "need"},
		{"some help", busy, &Effect{From: 3, To: 4, Before: 150, Now: 180, For: time.Minute}, 12, "need"},
		{"no help, but not all busy", with(func(l *Load) { l.Utilization = 0.85 }), useless, 12, "need"},
		{"too few records to tell", with(func(l *Load) { l.InputRate, l.Backlog, l.RateError = 170, 0, 0.1 }), nil, 4, "keep 4"},
	} {
		d := Decide(DefaultPolicy(1, 12), 12, c.load, History{Tasks: 4, LastOut: c.out})
		if d.Tasks != c.tasks || !strings.Contains(d.Reason, c.reason) {
			t.Errorf("%s: %d tasks, %q; want %d, %q", c.name, d.Tasks, d.Reason, c.tasks, c.reason)
		}
	}
}

// Tasks are taken away only when nothing waits and fewer were enough for the
// whole hold time; a load on the edge does not move the count.
func TestScaleIn(t *testing.T) {
	quiet := Load{InputRate: 39, TaskRate: 50, Utilization: 0.1, Measured: 12}
	for _, c := range []struct {
		name  string
		load  Load
		h     History
		tasks int
	}{
		{"fewer were enough", quiet, History{Tasks: 12, Wanted: 1}, 1},
		{"to the most that was needed", quiet, History{Tasks: 12, Wanted: 4}, 4},
		{"as many were needed", quiet, History{Tasks: 12, Wanted: 12}, 12},
		{"still behind", Load{InputRate: 39, TaskRate: 50, TimeLag: 6 * time.Second, Measured: 12}, History{Tasks: 12, Wanted: 1}, 12},
		{"1% over the edge of 4", Load{InputRate: 0.78 * 4 * 50 * 1.01, TaskRate: 50, Utilization: 0.79, Measured: 4}, History{Tasks: 4}, 4},
		{"5% over the edge of 4", Load{InputRate: 0.78 * 4 * 50 * 1.05, TaskRate: 50, Utilization: 0.82, Measured: 4}, History{Tasks: 4}, 6},
		{"3% over the edge, from above", Load{InputRate: 0.78 * 4 * 50 * 1.03, TaskRate: 50, Utilization: 0.5, Measured: 6}, History{Tasks: 6, Wanted: 4}, 6},
	} {
		if d := Decide(DefaultPolicy(1, 12), 12, c.load, c.h); d.Tasks != c.tasks {
			t.Errorf("%s: %d tasks, want %d (%s)", c.name, d.Tasks, c.tasks, d.Reason)
		}
	}
}
