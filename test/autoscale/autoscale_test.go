// Package autoscale drives the embedded platform with a load that grows and falls
// and watches its tasks follow. Nobody imports it.
package autoscale

import (
	"math"
	"os"
	"testing"
	"time"

	"headwater.internal/platform/internal/capacity"
	"headwater.internal/platform/internal/supervisor"
)

// perEvent is long against what Kafka and this machine take, so that twelve
// tasks fit two cores and one task's rate is the same beside eleven others.
const perEvent = 50 * time.Millisecond

// full asks for the test that takes minutes.
const full = "HEADWATER_TEST_AUTOSCALE"

// Tasks follow a load of 1x, 12x, 1x within seconds, what piled up is handled,
// nothing is lost or doubled while partitions move, and the count goes up once
// and down once.
func TestTasksFollow(t *testing.T) {
	policy := capacity.DefaultPolicy(1, 1)
	policy.Hold = 5 * time.Second
	p := startPlatform(t, policy)
	p.deploy(perEvent)
	g, w := p.generate(), &watcher{p: p, begun: time.Now()}
	const one = 10 // records/s: half of what one task does

	g.set(one)
	w.watch(5*time.Second, nil)
	g.set(12 * one)
	grown := time.Now()
	if !w.watch(time.Minute, running(12)) {
		t.Fatalf("no 12 tasks in time: %+v", w.last)
	}
	t.Logf("12 tasks after %.1f s", time.Since(grown).Seconds())
	if !w.watch(time.Minute, drained(12)) {
		t.Fatalf("what piled up is not handled: %+v", w.last.Scaling)
	}
	t.Logf("caught up after %.1f s", time.Since(grown).Seconds())
	g.set(one)
	if !w.watch(time.Minute, running(1)) {
		t.Fatalf("not back at 1 task: %+v", w.last)
	}
	if n := turns(w.tasks); n != 1 {
		t.Errorf("the number of tasks turned %d times, want once: %v", n, w.tasks)
	}
	p.checkOutput(g.finish())
}

// With the default policy, at loads that N tasks handle at exactly the target, N
// tasks run and their utilization is the target's; after 1x -> 12x the lag is
// gone within 90 s.
func TestUtilization(t *testing.T) {
	if os.Getenv(full) != "full" {
		t.Skip("takes six minutes: make autoscale runs it")
	}
	p := startPlatform(t, capacity.DefaultPolicy(1, 1))
	p.deploy(perEvent)
	g, w := p.generate(), &watcher{p: p, begun: time.Now()}

	g.set(0.7 / perEvent.Seconds())
	w.watch(10*time.Second, nil)
	_, mu := p.utilization(15 * time.Second)
	t.Logf("one task does %.1f records per busy second", mu)
	exact := 0.78 * mu // what one task handles at the target
	g.set(exact)
	steady(t, w, "of 1 task at its exact load", 1)

	// A task looks slower while it idles, since each commit costs the same, so a
	// load on the very edge of one task would end at two.
	one := 0.85 * exact
	g.set(one)
	w.watch(10*time.Second, nil)
	g.set(12 * one)
	grown := time.Now()
	if !w.watch(90*time.Second, drained(12)) {
		t.Fatalf("lag is not gone within 90 s: %+v", w.last.Scaling)
	}
	t.Logf("caught up %.0f s after the load grew twelvefold", time.Since(grown).Seconds())
	g.set(12 * exact)
	steady(t, w, "of 12 tasks at their exact load", 12)
	g.set(one)
	if !w.watch(240*time.Second, running(1)) {
		t.Errorf("not back at 1 task: %+v", w.last.Scaling)
	}
	if n := turns(w.tasks); n != 1 {
		t.Errorf("the number of tasks turned %d times at 1x, 12x, 1x, want once: %v", n, w.tasks)
	}
	// What one task does is measured again: whatever else runs here moves it.
	_, mu = p.utilization(15 * time.Second)
	before := len(w.tasks)
	g.set(4 * 0.78 * mu)
	w.watch(30*time.Second, func(s supervisor.Status) bool { return s.Tasks >= 4 })
	tries := steady(t, w, "of 4 tasks at their exact load", 4)
	if n := turns(w.tasks[before:]); n > 2*tries-1 {
		t.Errorf("the number of tasks turned %d times from 1x to 4x: %v", n, w.tasks[before:])
	}
	p.checkOutput(g.finish())
}

// steady measures utilization over half a minute in which n tasks must run. The
// load is on the very edge of n, and other work on this machine can push it over,
// so that there is a second try. It returns how many it took.
func steady(t *testing.T, w *watcher, what string, n int) int {
	t.Helper()
	for try := 1; ; try++ {
		w.watch(150*time.Second, drained(n))
		w.watch(5*time.Second, nil)
		utilization, _ := w.p.utilization(30 * time.Second)
		w.watch(time.Second, nil)
		if w.last.Tasks == n && math.Abs(utilization-0.78) <= 0.05 {
			t.Logf("utilization %s: %.3f", what, utilization)
			return try
		}
		t.Logf("try %d: utilization %s: %.3f, %d tasks: %s", try, what, utilization, w.last.Tasks, w.last.Scaling.Reason)
		if try == 2 {
			t.Errorf("utilization %s is %.3f with %d tasks, want 0.78 ± 0.05 with %d", what, utilization, w.last.Tasks, n)
			return try
		}
	}
}
