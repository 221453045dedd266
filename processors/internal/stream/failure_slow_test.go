package stream

import (
	"maps"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// productive gives all hosts new processes with the limits that tasks have in
// production.
func (w *world) productive() {
	for _, h := range w.hosts {
		h.proc.end()
		w.retire(h)
	}
	w.limits = DefaultLimits()
	for _, h := range w.hosts {
		w.boot(h)
	}
	w.pass(5 * time.Second)
}

// memberNames are what the group calls its members.
func (w *world) memberNames() map[string]bool {
	names := make(map[string]bool)
	if g := w.cluster.GroupInfo(simSpec.Name); g != nil {
		for _, m := range g.Members {
			names[m.MemberID] = true
		}
	}
	return names
}

// steady has the trouble leave tasks alone: each keeps its place in the group, and
// none starts anew.
func (w *world) steady(t *testing.T, trouble func()) {
	t.Helper()
	before, said := w.memberNames(), len(w.log.String())
	trouble()
	if after := w.memberNames(); !maps.Equal(before, after) || len(after) != len(w.hosts) {
		t.Errorf("the group's members were %v and are %v", before, after)
	}
	if strings.Contains(w.log.String()[said:], "start anew") {
		t.Error("a task ended over it")
	}
}

// Defends against brokers that answer slowly for a minute, each request after 0.1 to
// 0.3 s: work is slow and goes on, and nobody takes anybody for dead.
func TestFailureModeSlowBroker(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(t *testing.T, w *world) {
		w.productive()
		w.steady(t, func() {
			for _, h := range w.hosts {
				rng := rand.New(rand.NewPCG(uint64(h.number), 4))
				h.proc.link.slow(func() time.Duration { return time.Duration(100+rng.IntN(200)) * time.Millisecond })
			}
			before := len(w.view.all()["copies"])
			w.pass(time.Minute)
			if after := len(w.view.all()["copies"]); after <= before {
				t.Error("nothing was committed in the minute")
			}
			for _, h := range w.hosts {
				h.proc.link.slow(nil)
			}
		})
	})
}

// Defends against a dependency that is away for a minute, for one partition's rule:
// the partition is held, the others go on, and nobody loses its place.
func TestFailureModeSlowDependency(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(t *testing.T, w *world) {
		var away atomic.Bool
		w.retries = func(in *Input) bool { return away.Load() && in.Partition == 0 }
		w.productive()
		w.steady(t, func() {
			away.Store(true)
			begun := time.Now()
			w.pass(time.Minute)
			moved := make(map[int32]bool)
			for _, r := range w.view.all()["tallies"] {
				if r.Timestamp.After(begun.Add(5 * time.Second)) {
					moved[r.Partition] = true
				}
			}
			if moved[0] || !moved[1] || !moved[2] {
				t.Errorf("partitions that moved meanwhile: %v, want 1 and 2", moved)
			}
			away.Store(false)
		})
	})
}
