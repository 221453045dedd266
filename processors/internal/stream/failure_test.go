package stream

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// scenario runs one kind of trouble in a simulated world of hosts 0 to n-1 that
// have inputs all the time, and then makes all checks of the simulation.
func scenario(t *testing.T, hosts int, trouble func(t *testing.T, w *world)) {
	t.Helper()
	for _, assigns := range []protocol{classicProtocol, consumerProtocol} {
		t.Run(string(assigns), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				w := newWorld(t, 1, false)
				defer w.close()
				w.assigns = assigns
				for range hosts {
					w.addHost()
				}
				ctx, stop := context.WithCancel(t.Context())
				fed := make(chan struct{})
				go func() {
					defer close(fed)
					w.feed(ctx, 1)
				}()
				w.pass(4 * time.Second)
				trouble(t, w)
				w.calm()
				stop()
				<-fed
				for _, d := range w.settle() {
					t.Error(d)
				}
				if t.Failed() {
					t.Log(w.log)
				}
			})
		})
	}
}

// pass lets time go by.
func (w *world) pass(d time.Duration) { w.until(time.Now().Add(d)) }

// fault has the brokers answer some requests of the processors with an error.
func (w *world) fault(key kmsg.Key, err *kerr.Error, count int) *kfake.FaultHandle {
	return w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: count, When: notOfFeeder})
}

// Defends transactions from messages of earlier ones: the end of a transaction
// reaches the coordinator when the client has long begun the next.
func TestFailureMode01DelayedEndTxn(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(_ *testing.T, w *world) {
		for i := range 12 {
			w.hosts[i%2].proc.link.intend(plan{key: kmsg.EndTxn, harm: ghost, late: time.Duration(30+i*40) * time.Millisecond})
			w.pass(300 * time.Millisecond)
		}
	})
}

// Defends against a transaction that nobody ends: the input goes on once the
// coordinator has aborted it, and a changelog that it holds up is waited for.
func TestFailureMode03HangingTransaction(t *testing.T) {
	t.Parallel()
	scenario(t, 1, func(t *testing.T, w *world) {
		client, err := w.cfg.Client(kgo.TransactionalID("hanging"), kgo.TransactionTimeout(5*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		stuck := &kgo.Record{Topic: simSpec.State.Topic, Key: []byte{spaceRule, 't', '/', 'x'}, Value: []byte("never committed")}
		if err := client.ProduceSync(t.Context(), simInput(w.rng, "raw.b", 1), stuck).FirstErr(); err != nil {
			t.Fatal(err)
		}
		w.kill(w.hosts[0])
		w.hosts[0].disk = vfs.NewCrashableMem() // all is restored, beside what hangs
		w.boot(w.hosts[0])
		w.pass(10 * time.Second)
	})
}

// Defends the time that a crash costs: the successor takes the place in the
// group and ends the open transaction, so it waits for no timeout.
func TestFailureMode04CrashStall(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(t *testing.T, w *world) {
		for _, h := range w.hosts { // new processes, with timeouts that nobody would sit out
			h.proc.end()
			w.retire(h)
		}
		w.limits.SessionTimeout, w.limits.TransactionTimeout = 30*time.Second, 60*time.Second
		for _, h := range w.hosts {
			w.boot(h)
		}
		w.pass(5 * time.Second)
		h := w.hosts[0]
		h.proc.crashAt.Store(&crashPoint{name: "flushed"})
		for !h.proc.dead.Load() {
			time.Sleep(time.Millisecond)
		}
		begun := time.Now()
		w.kill(h)
		w.boot(h)
		for !w.allMoved(begun) && time.Since(begun) < 2*time.Second {
			time.Sleep(10 * time.Millisecond)
		}
		if !w.allMoved(begun) {
			t.Errorf("two seconds after a crash not all partitions go on")
		}
	})
}

// moves waits until every partition has had an output.
func (w *world) moves(longest time.Duration) bool {
	begun := time.Now()
	for !w.allMoved(begun) && time.Since(begun) < longest {
		w.pass(250 * time.Millisecond)
	}
	return w.allMoved(begun)
}

// allMoved says whether every partition has had an output since.
func (w *world) allMoved(since time.Time) bool {
	moved := make(map[int32]bool)
	for _, r := range w.view.all()["tallies"] {
		if r.Timestamp.After(since) {
			moved[r.Partition] = true
		}
	}
	return len(moved) == simPartitions
}

// Defends against the zombie: a process that sleeps with a transaction ready to
// commit, is replaced, and commits when it wakes.
func TestFailureMode05ZombieCommits(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(_ *testing.T, w *world) {
		for i := range 4 {
			w.zombie(w.hosts[i%2])
			w.hosts[i%2].wakeAt = time.Now().Add(100 * time.Millisecond)
			w.pass(2 * time.Second)
		}
		w.pass(8 * time.Second)
	})
}

// Defends against positions that are read before the end of the transaction that
// moves them is known: partitions change hands every 300 ms, the coordinator
// answers UNSTABLE_OFFSET_COMMIT, and each question for offsets asks for stable ones.
func TestFailureMode06FastReassignment(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(t *testing.T, w *world) {
		w.cluster.ControlKey(int16(kmsg.OffsetFetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.cluster.KeepControl()
			if !req.(*kmsg.OffsetFetchRequest).RequireStable {
				t.Error("offsets are asked for that may not be stable")
			}
			return nil, nil, false
		})
		for i := range 8 {
			w.fault(kmsg.OffsetFetch, kerr.UnstableOffsetCommit, 2)
			h := w.hosts[i%2]
			if i%4 < 2 {
				h.proc.end()
			} else {
				h.proc.dead.Store(true)
				w.kill(h)
			}
			if h.proc != nil {
				w.retire(h)
			}
			w.pass(300 * time.Millisecond)
			w.boot(h)
			w.pass(300 * time.Millisecond)
		}
	})
}

// Defends the position after an abort: the client goes back to what is committed
// although the leaders move at that moment.
func TestFailureMode07AbortWhileLeadersMove(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(t *testing.T, w *world) {
		aborts := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Observe: true, Count: -1, When: func(r kmsg.Request) bool {
			end := r.(*kmsg.EndTxnRequest)
			return !end.Commit && end.TransactionalID != feederID
		}})
		for range 15 {
			w.fault(kmsg.TxnOffsetCommit, kerr.RebalanceInProgress, 2)
			before := aborts.Hits()
			for end := time.Now().Add(time.Second); aborts.Hits() == before && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			w.cluster.ShufflePartitionLeaders()
			w.pass(200 * time.Millisecond)
		}
		if aborts.Hits() == 0 {
			t.Error("nothing was aborted: the test tests nothing")
		}
	})
}

// Defends against records of aborted transactions: ten writers interleave and
// abort; none of their records is taken.
func TestFailureMode08AbortedRecordsAreNotRead(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(t *testing.T, w *world) {
		var writers []*kgo.Client
		for i := range 10 {
			client, err := w.cfg.Client(kgo.TransactionalID(fmt.Sprintf("%s-%d", feederID, i)))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			writers = append(writers, client)
			if err := client.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
		}
		for round := range 5 {
			for i, client := range writers {
				if err := client.ProduceSync(t.Context(), simInput(w.rng, "raw.b", -1-round*10-i)).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range writers { // ended in another order than begun
			client := writers[(i*7)%len(writers)]
			if err := client.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Defends the outcome of a commit: when the coordinator answers with an error
// that says nothing, what it did is what counts.
func TestFailureMode09EndTxnUnknownError(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(_ *testing.T, w *world) {
		for range 10 {
			w.fault(kmsg.EndTxn, kerr.UnknownServerError, 1+w.rng.IntN(3))
			w.pass(400 * time.Millisecond)
			w.hosts[w.rng.IntN(2)].proc.link.intend(plan{key: kmsg.EndTxn, harm: loseAnswer})
			w.pass(400 * time.Millisecond)
		}
	})
}

// Defends written records: a batch whose answer is lost, or that the broker says
// timed out after it was appended, is in the log once.
func TestFailureMode10ProduceTimesOut(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(_ *testing.T, w *world) {
		for range 10 {
			w.fault(kmsg.Produce, kerr.RequestTimedOut, 1)
			w.hosts[w.rng.IntN(2)].proc.link.intend(plan{key: kmsg.Produce, harm: loseAnswer})
			w.pass(300 * time.Millisecond)
			w.fault(kmsg.Produce, kerr.NotEnoughReplicasAfterAppend, 2)
			w.pass(300 * time.Millisecond)
		}
	})
}

// Defends against a member that goes on with partitions it has lost: rebalances
// run while members still ask for their offsets.
func TestFailureMode11RebalanceDuringOffsetFetch(t *testing.T) {
	t.Parallel()
	scenario(t, 2, func(_ *testing.T, w *world) {
		for range 3 {
			slow := w.fault(kmsg.OffsetFetch, kerr.CoordinatorLoadInProgress, -1)
			h := w.addHost()
			w.pass(1500 * time.Millisecond)
			slow.Remove()
			w.pass(100 * time.Millisecond)
			h.proc.end()
			w.retire(h)
		}
	})
}

// Defends the table of failure modes from saying what is not so: it has every
// mode, and each test that it names is there.
func TestFailureModesAreListed(t *testing.T) {
	t.Parallel()
	const root = "../../.."
	text, err := os.ReadFile(filepath.Join(root, "docs/failure-modes.md"))
	if err != nil {
		t.Fatal(err)
	}
	for mode := 1; mode <= 36; mode++ {
		if !strings.Contains(string(text), fmt.Sprintf("\n| %d | ", mode)) {
			t.Errorf("docs/failure-modes.md has no row %d", mode)
		}
	}
	sources := make(map[string]string)
	for _, named := range regexp.MustCompile("`((?:Test|Fuzz)\\w+)` in ([\\w/]+)").FindAllStringSubmatch(string(text), -1) {
		name, dir := named[1], named[2]
		if _, ok := sources[dir]; !ok {
			files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
			if err != nil || len(files) == 0 {
				t.Errorf("docs/failure-modes.md names %s, which has no tests", dir)
			}
			for _, file := range files {
				source, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				sources[dir] += string(source)
			}
		}
		if !strings.Contains(sources[dir], "func "+name+"(") {
			t.Errorf("docs/failure-modes.md names %s in %s, which is not there", name, dir)
		}
	}
}
