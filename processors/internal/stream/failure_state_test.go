package stream

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// crashed kills host h at a point of the next commit and starts it anew.
func (w *world) crashed(h *host, point string) {
	p := h.proc
	p.crashAt.Store(&crashPoint{name: point})
	for !p.dead.Load() {
		time.Sleep(time.Millisecond)
	}
	w.kill(h)
	w.boot(h)
}

// restores is how many changelog records the host's process has replayed.
func (h *host) restores(t *testing.T) int {
	t.Helper()
	task := h.proc.task.Load()
	if task == nil {
		t.Fatalf("host %d has no task", h.number)
	}
	return int(counterValue(t, task.metrics.restores))
}

// Defends the state's life: a crash at any point of the commit costs the replay of
// what the log of the state had not handed to the disk, 32 KiB of each partition,
// never the whole.
func TestFailureMode12CrashKeepsState(t *testing.T) {
	t.Parallel()
	scenario(t, 1, func(t *testing.T, w *world) {
		client, err := w.cfg.Client()
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for i := range 3000 {
			client.Produce(t.Context(), simInput(w.rng, "raw.a", i), nil)
			if i%10 == 0 {
				w.pass(20 * time.Millisecond)
			}
		}
		whole := len(w.view.all()[simSpec.State.Topic])
		for _, point := range []string{"sealing", "flushed", "committed"} {
			w.crashed(w.hosts[0], point)
			w.pass(3 * time.Second)
			if n := w.hosts[0].restores(t); 2*n > whole {
				t.Errorf("after a crash at %s %d records were replayed; the changelog had %d", point, n, whole)
			}
		}
	})
}

// Defends state from what was never committed: half of the transactions abort,
// for four reasons, and each record still meets the fold of those before it.
func TestFailureMode13AbortLeavesNoTrace(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(t *testing.T, w *world) {
		before := len(w.view.all()["copies"])
		for range 20 {
			w.fault(kmsg.TxnOffsetCommit, []*kerr.Error{kerr.RebalanceInProgress, kerr.UnknownServerError}[w.rng.IntN(2)], 1)
			w.pass(150 * time.Millisecond)
			w.fault(kmsg.Produce, kerr.InvalidRecord, 1)
			w.pass(150 * time.Millisecond)
		}
		w.crashed(w.hosts[0], "flushed")
		w.pass(2 * time.Second)
		if after := len(w.view.all()["copies"]); after == before {
			t.Error("nothing was committed in between: the test tests nothing")
		}
	})
}

// Defends the end of a restore: the changelog ends in the marker of an abort, and
// below that in records that no reader of committed ones ever sees.
func TestFailureMode14RestoreEndsAtAMarker(t *testing.T) {
	t.Parallel()
	scenario(t, 1, func(t *testing.T, w *world) {
		for range 3 {
			w.crashed(w.hosts[0], "flushed") // the successor's first act aborts what was flushed
			w.pass(50 * time.Millisecond)
			w.kill(w.hosts[0])
			w.hosts[0].disk = vfs.NewCrashableMem()
			w.boot(w.hosts[0])
			if !w.moves(10 * time.Second) {
				t.Error("ten seconds after a restore began not all partitions go on")
			}
		}
	})
}

// Defends a cold start of the whole fleet: four hosts without disks join one by
// one, so that partitions are taken away while they are being restored.
func TestFailureMode15RebalanceDuringRestore(t *testing.T) {
	t.Parallel()
	scenario(t, 4, func(t *testing.T, w *world) {
		w.pass(6 * time.Second)
		for range 2 {
			for _, h := range w.hosts {
				w.kill(h)
				h.disk = vfs.NewCrashableMem()
			}
			for _, h := range w.hosts {
				w.boot(h)
				h.proc.link.slow(func() time.Duration { return 30 * time.Millisecond })
				w.pass(150 * time.Millisecond)
			}
			w.pass(5 * time.Second)
			for _, h := range w.hosts {
				h.proc.link.slow(nil)
			}
		}
		if !w.moves(2 * time.Minute) {
			t.Error("the fleet does not go on")
		}
		if strings.Contains(w.log.String(), "start anew") {
			t.Error("a task crashed over the rebalance")
		}
	})
}

// Defends progress: whoever was asleep, cut off or thrown out of the group takes
// part again; all partitions move once the trouble is over.
func TestFailureMode16NobodyStaysStuck(t *testing.T) {
	t.Parallel()
	scenario(t, 3, func(t *testing.T, w *world) {
		for _, h := range w.hosts {
			h.proc.link.freeze()
			w.pass(4 * time.Second) // longer than the session
			h.proc.link.thaw()
			w.pass(500 * time.Millisecond)
			h.proc.link.cut(false)
		}
		if !w.moves(2 * time.Minute) {
			t.Error("not all partitions move")
		}
	})
}

// Defends the last window of a quiet partition: after the last record nothing
// comes any more, and each run is closed all the same, at its time.
func TestFailureMode18IdlePartition(t *testing.T) {
	t.Parallel()
	scenario(t, 1, func(t *testing.T, w *world) {
		w.quiet.Store(true)
		w.pass(runGap + 2*time.Second) // one for what is under way, one for how far the clock stays behind
		inputs, _, dead, closed := w.view.counts()
		if closed != inputs-dead {
			t.Errorf("%d of %d records are in closed runs", closed, inputs-dead)
		}
	})
}

// Defends the partition against poison through crashes: each bad record is a
// dead letter once, in the transaction that passes it by.
func TestFailureMode20PoisonThroughCrashes(t *testing.T) {
	t.Parallel()
	scenario(t, 1, func(t *testing.T, w *world) {
		client, err := w.cfg.Client()
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for _, point := range []string{"flushed", "committed", "flushed"} {
			for range 5 {
				poison := &kgo.Record{Topic: "raw.a", Key: []byte("raw.a-0"), Value: []byte("poison")}
				if err := client.ProduceSync(t.Context(), poison).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			w.crashed(w.hosts[0], point)
			w.pass(time.Second)
		}
	})
}

// Defends records when their dead letters cannot be written, being too large or
// not allowed: nothing is skipped, and all goes on when they can.
func TestFailureMode21DeadLettersCannotBeWritten(t *testing.T) {
	t.Parallel()
	scenario(t, 1, func(t *testing.T, w *world) {
		for _, err := range []*kerr.Error{kerr.MessageTooLarge, kerr.TopicAuthorizationFailed} {
			refused := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: DeadLetterTopic, Err: err, Count: -1})
			w.pass(10 * time.Second)
			refused.Remove()
			if refused.Hits() == 0 {
				t.Errorf("no dead letter met %v: the test tests nothing", err)
			}
			w.pass(6 * time.Second)
		}
	})
}
