package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Options bound how a plan is carried out.
type Options struct {
	BytesPerSecond int64          // each broker may send and receive for moves; 0 for no limit
	Batch          int            // partitions moved at a time; 50 when 0
	Poll           time.Duration  // how often progress is asked for; 500 ms when 0
	Patience       time.Duration  // how long moves may wait for a broker that is down; 30 s when 0
	Progress       func(Progress) // told after each poll; may be nil
}

// Progress is how far a plan has come.
type Progress struct {
	Done, Total int // partitions
	Moving      []Partition
}

// Reassigner carries plans out. The controller does the work: when the caller
// dies, what was handed over goes on, and the next call waits for it first. There
// is no plan on a disk that could be out of date.
type Reassigner struct {
	client  *kgo.Client
	admin   *kadm.Client
	options Options
	targets map[topicPartition][]int32 // replicas that what was moved ends with
	made    map[topicPartition]Move    // handed over last
}

// NewReassigner makes a Reassigner on a client that may alter the cluster.
func NewReassigner(client *kgo.Client, o Options) *Reassigner {
	if o.Batch == 0 {
		o.Batch = 50
	}
	if o.Poll == 0 {
		o.Poll = 500 * time.Millisecond
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return &Reassigner{client: client, admin: kadm.NewClient(client), options: o, targets: make(map[topicPartition][]int32), made: make(map[topicPartition]Move)}
}

// Run makes plans and carries them out until there is nothing left to move. plan
// is asked again after what is under way has finished and after each batch, so
// that it never acts on a cluster that has changed since. Every new replica is in
// sync before an old one goes, so no partition is ever less safe than it was.
// When ctx ends, what was handed over goes on and keeps its limit; the next Run
// takes it up under the limit that it has itself. Limits are gone when it returns
// without error.
func (r *Reassigner) Run(ctx context.Context, plan func(Snapshot) (Plan, error)) error {
	if err := r.adopt(ctx); err != nil {
		return err
	}
	done := 0
	for {
		snapshot, err := r.settled(ctx, done)
		if err != nil {
			return err
		}
		next, err := plan(snapshot)
		if err != nil {
			return errors.Join(err, r.unthrottle(ctx))
		}
		if len(next.Moves) == 0 {
			return errors.Join(r.elect(ctx, snapshot), r.unthrottle(ctx))
		}
		if same := r.repeated(next.Moves); same != nil {
			return errors.Join(fmt.Errorf("the brokers took the move of %s-%d to %v and did not make it: it still has %v (the embedded brokers move nothing)",
				same.Topic, same.Partition, same.To, same.From), r.unthrottle(ctx))
		}
		batch := next.Moves[:min(r.options.Batch, len(next.Moves))]
		r.options.Progress(Progress{Done: done, Total: done + len(next.Moves)})
		if err := r.begin(ctx, batch, snapshot); err != nil {
			return err
		}
		done += len(batch)
	}
}

// repeated finds a move that is asked for again though nobody has done anything
// else to its partition since it was handed over.
func (r *Reassigner) repeated(moves []Move) *Move {
	for _, m := range moves {
		before, ok := r.made[topicPartition{m.Topic, m.Partition}]
		if ok && slices.Equal(before.From, m.From) && slices.Equal(before.To, m.To) {
			return &m
		}
	}
	return nil
}

// begin hands a batch to the controller, limited first.
func (r *Reassigner) begin(ctx context.Context, batch []Move, snapshot Snapshot) error {
	if err := r.throttle(ctx, batch, snapshot); err != nil {
		return errors.Join(err, r.unthrottle(context.WithoutCancel(ctx)))
	}
	req := make(kadm.AlterPartitionAssignmentsReq)
	keepsFactor := true
	for _, m := range batch {
		req.Assign(m.Topic, m.Partition, m.To)
		keepsFactor = keepsFactor && len(m.From) == len(m.To)
	}
	if keepsFactor { // KIP-860: a factor that changed since the plan was made is refused
		ctx = kadm.ForbidAlterRf(ctx)
	}
	responses, err := r.admin.AlterPartitionAssignments(ctx, req)
	for _, topic := range responses {
		for _, one := range topic {
			if one.Err != nil && err == nil {
				err = fmt.Errorf("%s-%d: %w %s", one.Topic, one.Partition, one.Err, one.ErrMessage)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("move replicas: %w", err)
	}
	for _, m := range batch {
		r.targets[topicPartition{m.Topic, m.Partition}] = m.To
		r.made[topicPartition{m.Topic, m.Partition}] = m
	}
	return nil
}

// settled waits until nothing moves and returns the cluster as it is then.
func (r *Reassigner) settled(ctx context.Context, done int) (Snapshot, error) {
	fewest, since := math.MaxInt, time.Now()
	for {
		moving, err := listMoving(ctx, r.client)
		if err != nil {
			return Snapshot{}, err
		}
		left := slices.Collect(maps.Values(moving))
		for at, p := range moving {
			r.targets[at] = p.Replicas
		}
		if len(left) == 0 {
			return r.read(ctx)
		}
		r.options.Progress(Progress{Done: max(0, done-len(left)), Total: done, Moving: left})
		if len(left) < fewest {
			fewest, since = len(left), time.Now()
		}
		if time.Since(since) > r.options.Patience {
			if err := r.stranded(ctx, left); err != nil {
				return Snapshot{}, err
			}
			since = time.Now()
		}
		select {
		case <-ctx.Done():
			return Snapshot{}, fmt.Errorf("wait for %d partitions that move: %w; they go on, and the next run takes them up", len(left), context.Cause(ctx))
		case <-time.After(r.options.Poll):
		}
	}
}

// stranded says which brokers that are down hold up moves of which none has ended
// for a while. Without one the moves are merely slow.
func (r *Reassigner) stranded(ctx context.Context, left []Partition) error {
	s, err := readMembers(ctx, r.client)
	if err != nil {
		return fmt.Errorf("read the cluster: %w", err)
	}
	waiting := make(map[int32]int)
	for _, p := range left {
		sources := without(append(slices.Clone(p.Replicas), p.Removing...), p.Adding...)
		blocked := s.down(slices.Clone(p.Adding))
		if gone := s.down(slices.Clone(sources)); len(gone) == len(sources) {
			blocked = append(blocked, gone...)
		}
		for _, id := range blocked {
			waiting[id]++
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(waiting))
	return fmt.Errorf("broker %s is down and %d of the partitions that move wait for it: start it and run this again, which goes on from here; "+
		"no replica has been given up, and the limits of the moves stand", words(ids), waiting[ids[0]])
}

// heardWithin is how long brokers take at most to hear of what the controller has
// decided, unless something is wrong with them.
const heardWithin = 5 * time.Second

// read returns the cluster once the broker that is asked has heard how the moves
// ended. Before that it still names the replicas that have gone, and a plan made of
// those would give partitions more replicas than they had. A partition that somebody
// else has moved since never agrees, so that the wait is bounded.
func (r *Reassigner) read(ctx context.Context) (Snapshot, error) {
	for begun := time.Now(); ; {
		snapshot, err := Read(ctx, r.client)
		if err != nil || r.heard(snapshot) || time.Since(begun) > heardWithin {
			clear(r.targets)
			return snapshot, err
		}
		select {
		case <-ctx.Done():
			return Snapshot{}, fmt.Errorf("read the cluster: %w", context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (r *Reassigner) heard(s Snapshot) bool {
	for _, p := range s.Partitions {
		target, ok := r.targets[topicPartition{p.Topic, p.Number}]
		if ok && (p.Moving() || !slices.Equal(slices.Sorted(slices.Values(p.Replicas)), slices.Sorted(slices.Values(target)))) {
			return false
		}
	}
	return true
}

// elect gives leadership back to the preferred replicas that are in sync but do
// not lead.
func (r *Reassigner) elect(ctx context.Context, snapshot Snapshot) error {
	set := make(kadm.TopicsSet)
	for _, p := range snapshot.Partitions {
		if len(p.Replicas) > 0 && p.Leader != p.Replicas[0] && slices.Contains(p.ISR, p.Replicas[0]) {
			set.Add(p.Topic, p.Number)
		}
	}
	if len(set) == 0 {
		return nil
	}
	if _, err := r.admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, set); err != nil {
		return fmt.Errorf("elect preferred leaders: %w", err)
	}
	return nil
}
