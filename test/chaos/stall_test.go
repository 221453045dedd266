package chaos

import (
	"context"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/schemas/processed"
)

// What a fault may cost the partitions of the task that it hits.
const (
	killStall = 2 * time.Second                 // SIGKILL, restarted by the supervisor
	lostStall = sessionTimeout + 12*time.Second // SIGSTOP or a lost host
	stallRate = 400                             // records per second: a transaction is always open
	stallKill = 3                               // kills of which the median counts
	stallRest = 32 * time.Second                // after which a restart is a first one to the supervisor
)

// Defends the figures for a task that dies: how long its partitions stand still,
// from the receipt of a record to the commit of what became of it. They are
// measured by `make chaos` only, since they need the machine for themselves.
func TestStall(t *testing.T) {
	if os.Getenv("HEADWATER_CHAOS_STALL") == "" {
		t.Skip("set HEADWATER_CHAOS_STALL=1, as make chaos does")
	}
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel() // both are idle for most of the time
			measureStalls(t, protocol)
		})
	}
}

func measureStalls(t *testing.T, protocol string) {
	t.Helper()
	p := startPlatform(t)
	s := settings{seed: 1, protocol: protocol, rate: stallRate, events: 1 << 30, patience: time.Millisecond}
	p.configure(s)
	ctx, cancel := context.WithCancel(t.Context())
	fed := make(chan error, 1)
	go func() { fed <- p.feed(ctx, s) }()
	defer func() {
		cancel()
		<-fed
	}()
	w := p.watch(ctx)
	w.worst(t, 5*time.Second) // warm

	injector := newInjector(p, s)
	var kills []time.Duration
	for n := range stallKill {
		if n > 0 {
			w.worst(t, stallRest)
		}
		target := injector.first(t)
		w.reset()
		if err := syscall.Kill(target.pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		kills = append(kills, w.worst(t, 5*time.Second))
	}
	slices.Sort(kills)
	t.Logf("%s: SIGKILL in mid-transaction stalls partitions for %s (median of %v)", protocol, kills[len(kills)/2], kills)
	if median := kills[len(kills)/2]; median > killStall {
		t.Errorf("%s: a killed task stalls its partitions for %s, more than %s", protocol, median, killStall)
	}

	target := injector.first(t)
	w.reset()
	injector.stop(target, lostStall+2*time.Second)
	stalled := w.worst(t, lostStall+4*time.Second)
	injector.release()
	t.Logf("%s: SIGSTOP stalls partitions for %s", protocol, stalled)
	if stalled > lostStall {
		t.Errorf("%s: a stopped task stalls its partitions for %s, more than %s", protocol, stalled, lostStall)
	}
}

// first is a task of the first stage that runs.
func (i *injector) first(t *testing.T) process {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if found := i.running(stages[0]); len(found) > 1 {
			return found[0]
		}
	}
	t.Fatalf("no task of %s runs", stages[0])
	return process{}
}

// watcher sees what the first stage commits, as it becomes readable.
type watcher struct {
	mu    sync.Mutex
	since time.Time
	most  time.Duration // from receipt to commit, of records received since then
}

func (p *platform) watch(ctx context.Context) *watcher {
	p.t.Helper()
	client, err := p.admin.Client(
		kgo.ConsumeTopics(processed.CustomerEventTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(20*time.Millisecond),
	)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(client.Close)
	w := &watcher{since: time.Now()}
	go func() {
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			now := time.Now()
			w.mu.Lock()
			fetches.EachRecord(func(r *kgo.Record) {
				// One that was received just before the fault waits the longest.
				if r.Timestamp.After(w.since.Add(-time.Second)) {
					w.most = max(w.most, now.Sub(r.Timestamp))
				}
			})
			w.mu.Unlock()
		}
	}()
	return w
}

func (w *watcher) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since, w.most = time.Now(), 0
}

// worst waits and returns the longest that a record had to wait since reset.
func (w *watcher) worst(t *testing.T, wait time.Duration) time.Duration {
	t.Helper()
	if err := pause(t.Context(), wait); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most.Round(time.Millisecond)
}
