package stream

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Defends exactly once under the protocol in which the brokers assign: state
// moves whole between tasks that come and go, and each count stays right.
func TestConsumerProtocolMovesState(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 6, "raw.a", "raw.b")
	p.protocol = consumerProtocol
	sent := make(map[string]int)
	feed := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			add(sent, p.produceKeys("raw.a", 17))
			add(sent, p.produceKeys("raw.b", 17))
		}
	}
	first := p.start(tallySpec, &tallyRule{}, 0, nil)
	feed(time.Second)
	second := p.start(tallySpec, &tallyRule{}, 1, nil)
	shared := func() bool { return len(first.t.group.topics()) == 3 && len(second.t.group.topics()) == 3 }
	for deadline := time.Now().Add(30 * time.Second); !shared() && time.Now().Before(deadline); {
		feed(100 * time.Millisecond)
	}
	one, two := first.t.group.topics(), second.t.group.topics()
	if len(one) != 3 || len(two) != 3 {
		t.Errorf("the tasks have %v and %v, want three numbers each", one, two)
	}
	for number, topics := range two {
		if len(topics) != 2 || one[number] != nil {
			t.Errorf("partition %d is not with one task whole: %v, %v", number, topics, one[number])
		}
	}
	p.create("raw.c")
	add(sent, p.produceKeys("raw.c", 170))
	feed(500 * time.Millisecond)
	second.drain(t)
	feed(500 * time.Millisecond)
	p.checkCopies(sent)
}

// Defends a quick restart after a kill under the protocol in which the brokers
// assign: the successor does not wait for its predecessor's session to end.
func TestConsumerProtocolTakesItsPlaceBack(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 4, "raw.a")
	p.protocol = consumerProtocol
	first := p.start(tallySpec, &tallyRule{}, 0, func(task *task) {
		task.fault = func(at string) error {
			if at == "flushed" {
				return errCrash
			}
			return nil
		}
	})
	silence(p)
	sent := p.produceKeys("raw.a", 50)
	if err := <-first.done; !errors.Is(err, errCrash) {
		t.Fatalf("the task ended with %v", err)
	}
	first.done <- nil
	p.start(tallySpec, &tallyRule{}, 0, nil)
	begun := time.Now()
	p.checkCopies(sent)
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("the successor took %s: it waited for the session of the first to end", took)
	}
}

// Defends the others' partitions: a task that is told to stop and cannot commit
// gives up its place all the same. The brokers keep a static member's place for
// a successor, which does not come.
func TestStoppedTaskLeavesThoughItCannotDrain(t *testing.T) {
	t.Parallel()
	for _, by := range []protocol{classicProtocol, consumerProtocol} {
		t.Run(string(by), func(t *testing.T) {
			t.Parallel()
			p := startPlatform(t, tallySpec, 4, "raw.a")
			p.protocol = by
			p.start(tallySpec, &tallyRule{}, 0, nil)
			var second *running
			told := make(chan struct{})
			second = p.start(tallySpec, &tallyRule{}, 1, func(task *task) {
				task.fault = func(at string) error {
					if at != "flushed" {
						return nil
					}
					<-told
					second.stop()
					return errCrash
				}
			})
			sent := make(map[string]int)
			for deadline := time.Now().Add(time.Minute); len(second.t.group.topics()) == 0 && time.Now().Before(deadline); {
				add(sent, p.produceKeys("raw.a", 17))
				_ = pause(t.Context(), 20*time.Millisecond)
			}
			close(told)
			add(sent, p.produceKeys("raw.a", 40))
			if err := <-second.done; !errors.Is(err, errCrash) {
				t.Fatalf("the task ended with %v", err)
			}
			second.done <- nil
			if left := membersOf(t, p); len(left) != 1 || left[0] != "tally-0" {
				t.Errorf("the group has %v, want tally-0 alone", left)
			}
			p.checkCopies(sent)
		})
	}
}

// membersOf lists the instances that have a place in the group.
func membersOf(t *testing.T, p *platform) (list []string) {
	t.Helper()
	group := p.cluster.Fake().GroupInfo(tallySpec.Name)
	if group == nil {
		return nil
	}
	for _, m := range group.Members {
		list = append(list, *m.InstanceID)
	}
	return list
}

// Defends state against two writers: inputs that the brokers' assignor would
// split over tasks stop the processor with words that say what to do.
func TestConsumerProtocolRefusesUnequalInputs(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 4, "raw.a")
	p.protocol = consumerProtocol
	if _, err := kadm.NewClient(p.client).CreateTopic(t.Context(), 2, 1, nil, "raw.b"); err != nil {
		t.Fatal(err)
	}
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	select {
	case err := <-r.done:
		var fatal *fatalError
		if !errors.As(err, &fatal) || !strings.Contains(err.Error(), envProtocol+"=classic") {
			t.Errorf("the task ended with %v", err)
		}
		r.done <- nil
	case <-time.After(20 * time.Second):
		t.Error("the task did not stop")
	}
}

// Defends state against a second writer: a number of which a task has a part is
// not begun until it has all inputs, and what is left of one is put aside.
func TestNumberWaitsUntilWhole(t *testing.T) {
	t.Parallel()
	var begun []int32
	arrived := make(chan []int32, 8)
	g := newTestGroup(t, func(numbers []int32) { arrived <- numbers })
	client, err := kgo.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	g.onAssigned(t.Context(), client, map[string][]int32{"a": {0, 1}, "b": {1}})
	begun = <-arrived
	if len(begun) != 1 || begun[0] != 1 {
		t.Fatalf("numbers %v were begun, want 1 alone: 0 lacks b", begun)
	}
	g.onAssigned(t.Context(), client, map[string][]int32{"b": {0}})
	if begun = <-arrived; len(begun) != 1 || begun[0] != 0 {
		t.Fatalf("numbers %v were begun, want 0", begun)
	}
	g.onRevoked(t.Context(), client, map[string][]int32{"b": {1}})
	g.pending.Wait()
	n, err := g.settle()
	if err != nil || len(n.removed) != 1 || n.removed[0] != 1 {
		t.Errorf("removed %v (%v), want 1: it is no longer whole", n.removed, err)
	}
	for _, a := range n.arrived {
		if _, ok := g.admit(a); ok != (a.number == 0) {
			t.Errorf("number %d: admitted is %v", a.number, ok)
		}
	}
	// A loss that the client did not tell of.
	g.compare(client, map[string]map[int32]kgo.EpochOffset{"a": {0: {}, 1: {}}, "b": {0: {}}})
	g.compare(client, map[string]map[int32]kgo.EpochOffset{"a": {1: {}}})
	if n, _ = g.settle(); len(n.removed) != 1 || n.removed[0] != 0 {
		t.Errorf("removed %v, want 0: the client no longer has it", n.removed)
	}
}

func newTestGroup(t *testing.T, restoring func(numbers []int32)) *group {
	t.Helper()
	inputs := map[string]int32{"a": 2, "b": 2}
	return &group{
		ctx: t.Context(), assigned: make(map[int32]*assignment),
		inputs: func(context.Context, []string) (map[string]int32, error) { return inputs, nil },
		needs:  func(context.Context) (map[string]int32, error) { return inputs, nil },
		restore: func(_ context.Context, numbers []int32, _ map[string]int32) ([]*restored, error) {
			list := make([]*restored, len(numbers))
			for i, n := range numbers {
				list[i] = &restored{number: n}
			}
			restoring(numbers)
			return list, nil
		},
	}
}

// silence has the group not hear the first goodbye, as after a kill.
func silence(p *platform) {
	p.tb.Helper()
	var heard atomic.Bool
	p.cluster.Fake().ControlKey(int16(kmsg.ConsumerGroupHeartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		p.cluster.Fake().KeepControl()
		hb := req.(*kmsg.ConsumerGroupHeartbeatRequest)
		if hb.MemberEpoch >= 0 || heard.Swap(true) {
			return nil, nil, false
		}
		resp := hb.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
		resp.MemberEpoch = hb.MemberEpoch
		return resp, nil, true
	})
}

// Defends the ground that [membership] stands on, on the fake and on real
// brokers: the place of a static member that fell silent is refused to its
// successor until somebody who knows its member id says that it is away.
func TestPlaceOfASilentMember(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 4, "raw.a")
	beat := func(member string, epoch int32) (*kmsg.ConsumerGroupHeartbeatResponse, error) {
		req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		instance, assignor := "tally-0", "range"
		req.Group, req.MemberID, req.MemberEpoch, req.InstanceID = tallySpec.Name, member, epoch, &instance
		if epoch == 0 {
			req.ServerAssignor, req.SubscribedTopicNames, req.RebalanceTimeoutMillis = &assignor, []string{"raw.a"}, 30_000
			req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		}
		resp, err := req.RequestWith(t.Context(), p.client)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		return resp, err
	}
	if _, err := beat("first", 0); err != nil {
		t.Fatalf("join: %v", err)
	}
	if _, err := beat("second", 0); !errors.Is(err, kerr.UnreleasedInstanceID) {
		t.Errorf("the place was not held for the first: %v", err)
	}
	begun := time.Now()
	if _, err := beat("first", leaveForNow); err != nil {
		t.Errorf("release the first: %v", err)
	}
	resp, err := beat("second", 0)
	if err != nil {
		t.Fatalf("take the place: %v", err)
	}
	t.Logf("the place was free after %s; epoch %d, assigned at once: %v", time.Since(begun), resp.MemberEpoch, resp.Assignment != nil)
	if _, err := beat("first", 1); !errors.Is(err, kerr.UnknownMemberID) && !errors.Is(err, kerr.FencedInstanceID) {
		t.Errorf("the first is still a member: %v", err)
	}
	if _, err := beat("second", leaveForGood); err != nil {
		t.Errorf("leave: %v", err)
	}
}
