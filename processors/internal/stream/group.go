package stream

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// group is what the consumer group says this task has. Its callbacks run in the
// client's goroutines; the task's loop takes what they leave through settle.
//
// A number that is assigned is paused until its state is restored, so that no
// record meets state that is behind.
type group struct {
	ctx     context.Context //nolint:containedctx // callbacks outlive the call that made them
	restore func(ctx context.Context, numbers []int32, inputs map[string]int32) ([]*restored, error)
	inputs  func(ctx context.Context, topics []string) (map[string]int32, error)
	// needs is nil where a number is always assigned whole. Elsewhere it reads the
	// partition counts of all inputs, and a number waits until it is whole.
	needs func(ctx context.Context) (map[string]int32, error)
	halts *halts // of the task, for /readyz

	mu       sync.Mutex
	joined   bool
	looked   time.Time // when prepare was last called
	assigned map[int32]*assignment
	arrivals []arrival
	removed  []int32
	counts   map[string]int32 // partitions of the inputs, when they were read anew
	pending  sync.WaitGroup   // restores under way
	err      error            // what a restore met
}

// assignment is one partition number of this task.
type assignment struct {
	topics  map[string]bool
	seen    map[string]bool // topics whose offsets the client has had
	restore *restoring      // nil until it begins
	ready   bool
}

func newAssignment() *assignment {
	return &assignment{topics: make(map[string]bool), seen: make(map[string]bool)}
}

// whole says whether the assignment of number p has all inputs.
func (a *assignment) whole(p int32, inputs map[string]int32) bool {
	for topic, n := range inputs {
		if p < n && !a.topics[topic] {
			return false
		}
	}
	return true
}

// restoring is one restore of numbers that were assigned together.
type restoring struct {
	cancel  context.CancelFunc
	waiting int // numbers that still want it
}

// arrival is state that a restore brought for an assignment.
type arrival struct {
	*restored
	owner *assignment
}

// onAssigned is called with the partitions that are new to this task.
func (g *group) onAssigned(_ context.Context, client *kgo.Client, added map[string][]int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.needs != nil {
		g.joined = true // there is no other sign of it
	}
	fresh := make(map[int32]bool)
	wait := make(map[string][]int32)
	for topic, numbers := range added {
		for _, p := range numbers {
			a := g.assigned[p]
			switch {
			case a == nil:
				a = newAssignment()
			case a.topics[topic] && !fresh[p]:
				g.drop(p) // lost and given back before this task heard of the loss
				kept := a.topics
				a = newAssignment()
				maps.Copy(a.topics, kept)
			}
			fresh[p] = fresh[p] || a != g.assigned[p]
			g.assigned[p] = a
			a.topics[topic] = true
		}
	}
	for p, a := range g.assigned {
		for topic := range a.topics {
			if !a.ready {
				wait[topic] = append(wait[topic], p)
			}
		}
	}
	if len(wait) > 0 {
		client.PauseFetchPartitions(wait)
	}
	if len(added) > 0 {
		g.prepare()
	}
}

// prepare reads the partition counts of the inputs and restores the numbers
// that are new and whole. g.mu is held.
func (g *group) prepare() {
	g.looked = time.Now()
	ctx, cancel := context.WithCancel(g.ctx)
	begun := &restoring{cancel: cancel}
	topics := make(map[string]bool)
	for _, a := range g.assigned {
		maps.Copy(topics, a.topics)
	}
	g.pending.Go(func() {
		defer cancel()
		if err := g.restoreWhole(ctx, begun, slices.Sorted(maps.Keys(topics))); err != nil && ctx.Err() == nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.err == nil {
				g.err = err
			}
		}
	})
}

func (g *group) restoreWhole(ctx context.Context, begun *restoring, topics []string) error {
	var all map[string]int32
	var err error
	if g.needs != nil {
		if all, err = g.needs(ctx); err != nil {
			return err
		}
	}
	inputs, err := g.inputs(ctx, topics)
	if err != nil {
		return err
	}
	owners := g.claim(begun, all)
	var list []*restored
	if len(owners) > 0 {
		if list, err = g.restore(ctx, slices.Sorted(maps.Keys(owners)), inputs); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts = inputs
	for _, one := range list {
		g.arrivals = append(g.arrivals, arrival{one, owners[one.number]})
	}
	return nil
}

// claim picks the numbers whose restore can begin: those that have all inputs
// and are not being restored.
func (g *group) claim(begun *restoring, all map[string]int32) map[int32]*assignment {
	g.mu.Lock()
	defer g.mu.Unlock()
	owners := make(map[int32]*assignment)
	for p, a := range g.assigned {
		if a.restore == nil && a.whole(p, all) {
			a.restore, owners[p] = begun, a
			begun.waiting++
		}
	}
	return owners
}

// wholeEvery is how often a number that lacks an input is looked at again: the
// topic that it lacks may have been deleted.
const wholeEvery = time.Second

// lookAgain begins the restore of numbers that have become whole without
// another assignment.
func (g *group) lookAgain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.needs == nil || time.Since(g.looked) < wholeEvery {
		return
	}
	for _, a := range g.assigned {
		if a.restore == nil {
			g.prepare()
			return
		}
	}
}

// onRevoked is called with the partitions that this task must let go of, or has
// lost.
func (g *group) onRevoked(_ context.Context, client *kgo.Client, lost map[string][]int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lose(client, func(topic string, p int32) bool { return slices.Contains(lost[topic], p) })
}

// lose takes away what is gone. A number that is no longer whole is dropped, and
// what is left of it waits to be whole again. g.mu is held.
func (g *group) lose(client *kgo.Client, gone func(topic string, p int32) bool) {
	for p, a := range g.assigned {
		before := len(a.topics)
		maps.DeleteFunc(a.topics, func(topic string, _ bool) bool { return gone(topic, p) })
		switch left := len(a.topics); {
		case left == 0:
			g.drop(p)
		case left < before && g.needs != nil:
			g.drop(p)
			g.assigned[p] = &assignment{topics: a.topics, seen: a.seen}
			wait := make(map[string][]int32)
			for topic := range a.topics {
				wait[topic] = []int32{p}
			}
			client.PauseFetchPartitions(wait)
		}
	}
}

// compare drops what the client no longer has. The transaction session swallows
// a second loss while the first waits for the transaction to end; under the
// consumer protocol nothing else tells of it. owned has the offsets of what the
// client has, once they have been fetched.
func (g *group) compare(client *kgo.Client, owned map[string]map[int32]kgo.EpochOffset) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.needs == nil {
		return
	}
	g.lose(client, func(topic string, p int32) bool {
		_, has := owned[topic][p]
		if has {
			g.assigned[p].seen[topic] = true
		}
		return !has && g.assigned[p].seen[topic]
	})
}

// onSync is called with each assignment. The transaction session swallows
// callbacks while an earlier one waits for the transaction to end; what they
// would have said follows from the assignment.
func (g *group) onSync(all map[string][]int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joined = true
	g.lose(nil, func(topic string, p int32) bool { return !slices.Contains(all[topic], p) })
}

// drop forgets a number; the loop closes what belongs to it. g.mu is held.
func (g *group) drop(p int32) {
	if r := g.assigned[p].restore; r != nil && !g.assigned[p].ready {
		if r.waiting--; r.waiting == 0 && r.cancel != nil {
			r.cancel()
		}
	}
	delete(g.assigned, p)
	g.removed = append(g.removed, p)
}

// news is what the callbacks left for the loop.
type news struct {
	removed []int32
	arrived []arrival
	counts  map[string]int32
}

// settle hands over what the callbacks left. The caller must close what was
// removed before it takes in what arrived.
func (g *group) settle() (news, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := news{g.removed, g.arrivals, g.counts}
	g.removed, g.arrivals, g.counts = nil, nil, nil
	return n, g.err
}

// admit marks an arrival as ready and returns its paused partitions; false when
// its assignment is gone.
func (g *group) admit(a arrival) (map[string][]int32, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.assigned[a.number] != a.owner {
		return nil, false
	}
	a.owner.ready = true
	resume := make(map[string][]int32)
	for topic := range a.owner.topics {
		resume[topic] = []int32{a.number}
	}
	return resume, true
}

// stop gives up what is being restored.
func (g *group) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.assigned {
		g.drop(p)
	}
}

// ready says whether the task has joined and restored all it was given.
func (g *group) ready() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.assigned {
		if !a.ready {
			return false
		}
	}
	return g.joined && g.err == nil
}

// topics lists the inputs of each number that is ready.
func (g *group) topics() map[int32][]string { return g.list(true) }

// numbers lists the inputs of each number that is assigned.
func (g *group) numbers() map[int32][]string { return g.list(false) }

func (g *group) list(ready bool) map[int32][]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make(map[int32][]string, len(g.assigned))
	for p, a := range g.assigned {
		if a.ready || !ready {
			list[p] = slices.Sorted(maps.Keys(a.topics))
		}
	}
	return list
}

// topicPartition is one partition of one topic.
type topicPartition struct {
	topic     string
	partition int32
}

// watcher is the balancer of this task: it tells the group what was assigned.
type watcher struct {
	balancer

	onSync func(map[string][]int32)
}

// ParseSyncAssignment reads what the leader assigned and passes it on.
func (w watcher) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	all, err := w.balancer.ParseSyncAssignment(assignment)
	if err == nil {
		w.onSync(all)
	}
	return all, err
}
