package stream

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// trouble makes trouble until the time comes.
func (w *world) trouble(end time.Time) {
	for {
		w.until(time.Now().Add(time.Duration(w.rng.IntN(1200)) * time.Millisecond))
		if !time.Now().Before(end) {
			return
		}
		h := w.hosts[w.rng.IntN(len(w.hosts))]
		kinds := []func(*host) string{
			w.crash, w.crash, w.powerCut, w.crashInCommit, w.crashInCommit, w.zombie, w.zombie, w.freeze, w.leave, w.join,
			w.breakConnections, w.loseMessage, w.loseMessage, w.haunted, w.slowDown, w.brokerErrors, w.brokerErrors, w.moveCoordinators, w.moveLeaders,
		}
		if did := kinds[w.rng.IntN(len(kinds))](h); did != "" {
			w.log.say("host %d: %s", h.number, did)
		}
	}
}

func (w *world) millis(n int) time.Duration { return time.Duration(w.rng.IntN(n)) * time.Millisecond }

// later has the host's process started again after a while.
func (w *world) later(h *host) time.Duration {
	d := w.millis(4000)
	h.wakeAt = time.Now().Add(d)
	return d
}

func (w *world) crash(h *host) string {
	if h.proc == nil {
		return ""
	}
	w.kill(h)
	return fmt.Sprintf("killed, back in %s", w.later(h))
}

func (w *world) powerCut(h *host) string {
	if h.proc == nil {
		return ""
	}
	kept := w.rng.IntN(100)
	w.loseProcess(h, kept)
	return fmt.Sprintf("power cut, %d%% of what was not synced is kept, back in %s", kept, w.later(h))
}

func (w *world) crashInCommit(h *host) string {
	if h.proc == nil {
		return ""
	}
	c := &crashPoint{name: []string{"sealing", "flushed", "committed"}[w.rng.IntN(3)], after: w.rng.Int32N(5)}
	h.proc.crashAt.Store(c)
	return fmt.Sprintf("will die at %s after %d commits", c.name, c.after)
}

// zombie freezes the process and starts another in its place; the frozen one
// wakes up later and goes on with what it was about to do.
func (w *world) zombie(h *host) string {
	if h.proc == nil {
		return ""
	}
	old := h.proc
	old.last.Store(true)
	old.link.freeze()
	w.retire(h)
	h.disk = w.clone(old.disk, 100)
	asleep := w.millis(6000)
	time.AfterFunc(asleep, old.link.thaw)
	time.AfterFunc(asleep+2*time.Second, func() {
		old.dead.Store(true)
		old.link.cut(true)
		old.cancel()
	})
	return fmt.Sprintf("frozen for %s and replaced in %s", asleep, w.later(h))
}

func (w *world) freeze(h *host) string {
	if h.proc == nil {
		return ""
	}
	d := w.millis(6000)
	h.proc.link.freeze()
	time.AfterFunc(d, h.proc.link.thaw)
	return fmt.Sprintf("frozen for %s", d)
}

func (w *world) leave(h *host) string {
	if h.proc == nil {
		return ""
	}
	p := h.proc
	p.last.Store(true)
	p.cancel()
	select {
	case <-p.done:
	case <-time.After(2 * w.limits.TransactionTimeout):
		w.kill(h)
		return fmt.Sprintf("does not drain and is killed, back in %s", w.later(h))
	}
	w.retire(h)
	return fmt.Sprintf("drained, back in %s", w.later(h))
}

func (w *world) join(*host) string {
	if len(w.hosts) >= 4 {
		return ""
	}
	return fmt.Sprintf("host %d joins", w.addHost().number)
}

func (w *world) breakConnections(h *host) string {
	if h.proc == nil {
		return ""
	}
	h.proc.link.cut(false)
	return "its connections break"
}

// fragile are the requests of the commit protocol and around it.
var fragile = []kmsg.Key{
	kmsg.EndTxn, kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.Produce, kmsg.InitProducerID, kmsg.AddOffsetsToTxn, kmsg.AddPartitionsToTxn,
	kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetFetch, kmsg.Fetch, kmsg.ListOffsets,
}

func (w *world) loseMessage(h *host) string {
	if h.proc == nil {
		return ""
	}
	p := plan{key: fragile[w.rng.IntN(len(fragile))], harm: []harm{loseRequest, loseAnswer}[w.rng.IntN(2)]}
	h.proc.link.intend(p)
	return fmt.Sprintf("loses a %s (%d)", p.key.Name(), p.harm)
}

// haunted has a request arrive after the client has given it up and gone on.
func (w *world) haunted(h *host) string {
	if h.proc == nil {
		return ""
	}
	p := plan{key: []kmsg.Key{kmsg.EndTxn, kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.Produce}[w.rng.IntN(4)], harm: ghost, late: w.millis(1500)}
	h.proc.link.intend(p)
	return fmt.Sprintf("a %s arrives %s late", p.key.Name(), p.late)
}

func (w *world) slowDown(h *host) string {
	if h.proc == nil {
		return ""
	}
	most := 1 + w.rng.IntN(400)
	rng := rand.New(rand.NewPCG(w.rng.Uint64(), 3))
	l := h.proc.link
	l.slow(func() time.Duration { return time.Duration(rng.IntN(most)) * time.Millisecond })
	time.AfterFunc(w.millis(3000), func() { l.slow(nil) })
	return fmt.Sprintf("requests take up to %d ms", most)
}

// brokerFaults are what brokers answer while they are in trouble themselves.
var brokerFaults = []struct {
	key  kmsg.Key
	errs []*kerr.Error
}{
	{kmsg.EndTxn, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.ConcurrentTransactions, kerr.RequestTimedOut, kerr.UnknownServerError}},
	{kmsg.TxnOffsetCommit, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.RequestTimedOut, kerr.UnknownServerError}},
	{kmsg.AddPartitionsToTxn, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.ConcurrentTransactions}},
	{kmsg.AddOffsetsToTxn, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.ConcurrentTransactions}},
	{kmsg.InitProducerID, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.ConcurrentTransactions}},
	{kmsg.Produce, []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut, kerr.UnknownServerError}},
	{kmsg.OffsetFetch, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.UnstableOffsetCommit}},
	{kmsg.JoinGroup, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress}},
	{kmsg.SyncGroup, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.RebalanceInProgress}},
	{kmsg.Heartbeat, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.RebalanceInProgress}},
	{kmsg.Fetch, []*kerr.Error{kerr.NotLeaderForPartition, kerr.UnknownServerError}},
	{kmsg.ListOffsets, []*kerr.Error{kerr.NotLeaderForPartition, kerr.LeaderNotAvailable}},
	{kmsg.Metadata, []*kerr.Error{kerr.LeaderNotAvailable}},
}

func (w *world) brokerErrors(*host) string {
	f := brokerFaults[w.rng.IntN(len(brokerFaults))]
	fault := kfake.Fault{Keys: []kmsg.Key{f.key}, Err: f.errs[w.rng.IntN(len(f.errs))], Count: 1 + w.rng.IntN(4), When: notOfFeeder}
	handle := w.cluster.Fault(fault)
	time.AfterFunc(w.millis(3000), handle.Remove)
	return fmt.Sprintf("brokers answer %d %s with %s", fault.Count, f.key.Name(), fault.Err.Message)
}

// notOfFeeder spares who writes the inputs: it is not what is simulated.
func notOfFeeder(r kmsg.Request) bool {
	switch r := r.(type) {
	case *kmsg.ProduceRequest:
		return r.TransactionID != nil && *r.TransactionID != feederID
	case *kmsg.InitProducerIDRequest:
		return r.TransactionalID != nil && *r.TransactionalID != feederID
	case *kmsg.EndTxnRequest:
		return r.TransactionalID != feederID
	case *kmsg.AddPartitionsToTxnRequest:
		return r.TransactionalID != feederID
	}
	return true
}

func (w *world) moveCoordinators(*host) string {
	w.cluster.RehashCoordinators()
	return "the coordinators move"
}

func (w *world) moveLeaders(*host) string {
	w.cluster.ShufflePartitionLeaders()
	return "the leaders move"
}

// calm ends all trouble.
func (w *world) calm() {
	for _, h := range w.hosts {
		if h.proc == nil {
			if !h.wakeAt.IsZero() {
				h.wakeAt = time.Now()
			}
			continue
		}
		h.proc.crashAt.Store(nil)
		h.proc.link.heal()
	}
}
