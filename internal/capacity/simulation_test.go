package capacity

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// world is a processor in simulated time: partitions that fill, tasks that empty
// them, and a pause of all tasks at each change of their number.
type world struct {
	t      *testing.T
	policy Policy
	random *rand.Rand
	now    time.Time
	rate   float64             // records per second that arrive
	spread func() int          // partition of the next record
	mu     func(n int) float64 // records per busy second of one of n tasks
	marker float64             // transaction markers per record
	pause  time.Duration       // of a rebalance

	tasks   int
	paused  time.Duration
	parts   []part
	counts  []Task
	started int // processes so far
	scaler  Scaler
	log     []int // tasks, second by second
	load    Load
	reason  string
}

type part struct {
	waiting        float64
	stable, commit float64
}

func newWorld(t *testing.T, policy Policy, mu float64) *world {
	w := &world{
		t: t, policy: policy, random: rand.New(rand.NewPCG(1, 2)), now: time.Unix(0, 0),
		mu: func(int) float64 { return mu }, marker: 0.3, pause: 2 * time.Second, parts: make([]part, 12),
	}
	w.spread = func() int { return w.random.IntN(12) }
	w.scale(policy.Min)
	return w
}

func (w *world) scale(n int) {
	if n != w.tasks {
		w.paused = w.pause
	}
	for len(w.counts) < n {
		w.started++
		w.counts = append(w.counts, Task{ID: fmt.Sprint(w.started)})
	}
	w.counts, w.tasks = w.counts[:n], n
}

const tick = 100 * time.Millisecond

// run lets the world go on, with a decision every two seconds.
func (w *world) run(d time.Duration, rate float64) {
	w.rate = rate
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(tick)
		w.arrive()
		w.work()
		if w.now.UnixMilli()%2000 == 0 {
			w.decide()
		}
		if w.now.UnixMilli()%1000 == 0 {
			w.log = append(w.log, w.tasks)
		}
	}
}

// arrive adds the records of one tick, evenly random in time.
func (w *world) arrive() {
	for range poisson(w.random, w.rate*tick.Seconds()) {
		p := &w.parts[w.spread()]
		p.waiting++
		p.stable += 1 + w.marker
	}
}

func poisson(random *rand.Rand, mean float64) int {
	if mean > 30 {
		return int(math.Round(mean + random.NormFloat64()*math.Sqrt(mean)))
	}
	n := 0
	for left := random.ExpFloat64(); left < mean; left += random.ExpFloat64() {
		n++
	}
	return n
}

func (w *world) work() {
	if w.paused > 0 {
		w.paused -= tick
		return
	}
	for i := range w.counts {
		left := tick.Seconds() // of busy time
		for p := i; p < len(w.parts); p += w.tasks {
			n := min(w.parts[p].waiting, left*w.mu(w.tasks))
			w.parts[p].waiting -= n
			w.parts[p].commit += n * (1 + w.marker)
			w.counts[i].Records += n
			w.counts[i].BusySeconds += n / w.mu(w.tasks)
			left -= n / w.mu(w.tasks)
		}
	}
}

func (w *world) decide() {
	s := Sample{At: w.now, Inputs: map[Partition]Offsets{}}
	lag := 0.0
	for p, part := range w.parts {
		s.Inputs[Partition{"in", int32(p)}] = Offsets{Stable: int64(part.stable), Committed: int64(part.commit)}
		lag = max(lag, part.waiting/(w.rate/12+1))
	}
	s.Tasks = append(s.Tasks, w.counts...)
	for i := range s.Tasks {
		s.Tasks[i].LagSeconds = lag
	}
	var d Decision
	d, w.load = w.scaler.Step(w.policy, s, w.tasks)
	w.reason = d.Reason
	if d.Tasks != w.tasks {
		w.t.Logf("%4.0fs %2d -> %2d: %s", w.now.Sub(time.Unix(0, 0)).Seconds(), w.tasks, d.Tasks, d.Reason)
		w.scale(d.Tasks)
	}
}

func (w *world) waiting() float64 {
	sum := 0.0
	for _, p := range w.parts {
		sum += p.waiting
	}
	return sum
}

// turns counts how often the number of tasks went the other way.
func turns(log []int) int {
	n, way := 0, 0
	for i := 1; i < len(log); i++ {
		step := log[i] - log[i-1]
		if step*way < 0 {
			n++
		}
		if step != 0 {
			way = step
		}
	}
	return n
}

// The tasks follow a load that grows twelvefold and falls again: at once up, in
// the end down, the backlog gone within the catch-up time, and never to and fro.
func TestFollowsTwelvefold(t *testing.T) {
	for _, mu := range []float64{5, 50, 2000} {
		w := newWorld(t, DefaultPolicy(1, 12), mu)
		one := 0.7 * mu
		w.run(2*time.Minute, one)
		if w.tasks != 1 || turns(w.log) != 0 {
			t.Errorf("mu %v: %d tasks at 1x: %v", mu, w.tasks, w.log)
		}
		w.run(10*time.Second, 12*one)
		if w.tasks != 12 {
			t.Errorf("mu %v: %d tasks ten seconds after the load grew: %s", mu, w.tasks, w.reason)
		}
		w.run(80*time.Second, 12*one)
		if lag := w.waiting() / (12 * one); lag > 1 {
			t.Errorf("mu %v: %.1f s of records still wait 90 s after the load grew", mu, lag)
		}
		w.run(2*time.Minute, 12*one)
		w.run(5*time.Minute, one)
		if w.tasks != 1 {
			t.Errorf("mu %v: %d tasks at 1x again: %s", mu, w.tasks, w.reason)
		}
		if n := turns(w.log); n != 1 {
			t.Errorf("mu %v: the number of tasks turned %d times, want once: %v", mu, n, w.log)
		}
	}
}

// At loads that N tasks handle at exactly the target utilization, N tasks run,
// though the measurements are noisy: on the edge nothing flaps.
func TestExactLoads(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 6, 12} {
		w := newWorld(t, DefaultPolicy(1, 12), 500)
		w.run(5*time.Minute, 0.78*float64(n)*500)
		settled := len(w.log)
		w.run(30*time.Minute, 0.78*float64(n)*500)
		if w.tasks != n || turns(w.log) > 1 || turns(w.log[settled:]) > 0 {
			t.Errorf("%d tasks at the exact load of %d: %s %v", w.tasks, n, w.reason, w.log)
		}
		if u := w.load.Utilization; math.Abs(u-0.78) > 0.05 {
			t.Errorf("utilization %.3f at the exact load of %d", u, n)
		}
	}
}

// A load that swings faster than the hold time does not swing the tasks.
func TestNoOscillationOnWaves(t *testing.T) {
	w := newWorld(t, DefaultPolicy(1, 12), 50)
	for range 30 {
		w.run(20*time.Second, 40)
		w.run(20*time.Second, 400)
	}
	if n := turns(w.log); n > 0 {
		t.Errorf("the number of tasks turned %d times: %v", n, w.log)
	}
}

// A step of any size between any loads ends at a count that does, with at most
// one turn: the backlog may want more for a while than the load does.
func TestRandomSteps(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		w := newWorld(t, DefaultPolicy(1, 12), 20+480*random.Float64())
		from, to := 9*random.Float64()*w.mu(1), 9*random.Float64()*w.mu(1)
		w.run(5*time.Minute, from)
		before := len(w.log)
		w.run(6*time.Minute, to)
		need := to / 0.78 / w.mu(1)
		if ideal := fewest(Allowed(12, 1, 12), need/1.05); w.tasks < ideal || float64(w.tasks) > 2.1*max(need, 1) {
			t.Errorf("from %.0f to %.0f at %.0f per task: %d tasks: %s", from, to, w.mu(1), w.tasks, w.reason)
		}
		if turns(w.log[before:]) > 1 {
			t.Errorf("from %.0f to %.0f at %.0f per task: %v", from, to, w.mu(1), w.log[before:])
		}
	}
}

// A key with more than one task can do gets no more tasks than what isolates it.
func TestHotKeyGetsNoTasks(t *testing.T) {
	w := newWorld(t, DefaultPolicy(1, 12), 100)
	w.run(time.Minute, 60)
	w.spread = func() int {
		if w.random.Float64() < 0.9 {
			return 7
		}
		return w.random.IntN(12)
	}
	w.run(10*time.Minute, 200)
	if w.tasks > 3 {
		t.Errorf("%d tasks for one key: %s %v", w.tasks, w.reason, w.log)
	}
}

// Tasks that share a bottleneck are not added to once that shows.
func TestBottleneckGetsNoTasks(t *testing.T) {
	w := newWorld(t, DefaultPolicy(1, 12), 100)
	w.mu = func(n int) float64 { return 110 / float64(n) } // a database that does 110 a second
	w.run(time.Minute, 60)
	w.run(30*time.Second, 100)
	w.run(20*time.Minute, 130)
	if w.tasks > 6 || !strings.Contains(w.reason, "would not help") {
		t.Errorf("%d tasks on one bottleneck: %s %v", w.tasks, w.reason, w.log)
	}
}

// Idle tasks forget nothing: hours of almost nothing, where the costs of each
// commit make a task look slow, are no reason to overshoot at the next burst.
func TestQuietHoursThenBurst(t *testing.T) {
	w := newWorld(t, DefaultPolicy(1, 12), 1000)
	w.mu = func(n int) float64 { return 1000 * w.rate / (w.rate + 200*float64(n)) }
	w.run(time.Hour, 0.2)
	w.run(3*time.Minute, 500)
	if w.tasks > 2 {
		t.Errorf("%d tasks: %s %v", w.tasks, w.reason, w.log[3600:])
	}
}
