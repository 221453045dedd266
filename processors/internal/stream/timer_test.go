package stream

import (
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var echoSpec = Spec{
	Name:   "echo",
	Reads:  []Source{{Topic: "raw.a"}},
	Writes: []Sink{{Topic: "echoes", Schema: tallySchema, SamePartition: true}},
	State:  State{Topic: "state.echo", Version: 1},
}

// echoRule answers each record once, two seconds of the partition's clock after
// its receipt.
type echoRule struct{}

func (echoRule) Apply(tx *Tx, in *Input) Verdict {
	due := in.Received.Add(2 * time.Second)
	tx.Put(in.Key, binary.BigEndian.AppendUint64(nil, uint64(due.UnixMilli())))
	return Applied
}

func (echoRule) Due(_, value []byte) (time.Time, bool) {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(value))), true
}

func (echoRule) Wake(tx *Tx, key, _ []byte) {
	tx.Delete(key)
	tx.fail(tx.Append("echoes", key, &tally{Key: string(key)}, nil))
}

// Defends the idle partition: its timers fire although nothing comes any more,
// and each fires once although the task that woke it crashes before the commit.
func TestTimersFireOnceWhileIdle(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, echoSpec, 2, "raw.a")
	crashed := make(chan struct{})
	first := p.start(echoSpec, echoRule{}, 0, func(task *task) {
		task.fault = func(at string) error {
			if at == "flushed" && task.open.woken > 0 {
				close(crashed)
				return errCrash
			}
			return nil
		}
	})
	begun := time.Now()
	p.produceKeys("raw.a", 17)
	if err := <-first.done; !errors.Is(err, errCrash) {
		t.Fatalf("the task ended with %v", err)
	}
	<-crashed
	first.done <- nil
	second := p.start(echoSpec, echoRule{}, 0, nil)
	seen := make(map[string]int)
	for _, r := range p.read("echoes", func(l []*kgo.Record) bool { return len(l) >= 17 }) {
		seen[string(r.Key)]++
	}
	t.Logf("all fired after %s", time.Since(begun))
	time.Sleep(500 * time.Millisecond)
	if n := len(p.read("echoes", func(l []*kgo.Record) bool { return len(l) >= 17 })); n != 17 || len(seen) != 17 {
		t.Errorf("%d echoes of %d keys, want 17 of 17", n, len(seen))
	}
	if n := counterValue(t, second.t.metrics.aborts.WithLabelValues("rebalance")); n > 1 {
		t.Errorf("%v transactions were aborted: the fence refuses a task that has its partitions", n)
	}
}

// Defends against the zombie: a task that sleeps between waking its timers and
// writing, and never hears that its partitions went to another, cannot commit.
// Consumed offsets would be refused by themselves; a timer's work comes with none.
func TestZombieTimersAreFenced(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, echoSpec, 2, "raw.a")
	fake := p.cluster.Fake()
	asleep, awake := make(chan struct{}), make(chan struct{})
	zombie := p.start(echoSpec, echoRule{}, 0, func(task *task) {
		var once sync.Once
		slept := false
		task.fault = func(at string) error {
			switch {
			case at == "sealing" && task.open.woken > 0:
				once.Do(func() {
					close(asleep)
					<-awake
					slept = true
				})
			case at == "committed" && slept:
				t.Error("the zombie committed")
			}
			return nil
		}
	})
	p.produceKeys("raw.a", 17)
	<-asleep
	fake.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		beat := req.(*kmsg.HeartbeatRequest)
		ours := beat.InstanceID != nil && *beat.InstanceID == instanceID(echoSpec.Name, "0")
		return beat.ResponseKind(), nil, ours // all is well, the zombie is told
	})
	leave(t, p, zombie)
	successor := p.start(echoSpec, echoRule{}, 1, nil)
	eventually(t, "the successor wakes the timers", func() bool {
		return counterValue(t, successor.t.metrics.punctuations) >= 17
	})
	close(awake)
	eventually(t, "the zombie's transaction is aborted", func() bool {
		return counterValue(t, zombie.t.metrics.aborts.WithLabelValues("rebalance")) > 0
	})
	if n := len(p.read("echoes", func(l []*kgo.Record) bool { return len(l) >= 17 })); n != 17 {
		t.Errorf("%d echoes, want 17", n)
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
