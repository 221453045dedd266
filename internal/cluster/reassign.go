package cluster

import (
	"context"
	"errors"
	"fmt"
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
}

// NewReassigner makes a Reassigner on a client that may alter the cluster.
func NewReassigner(client *kgo.Client, o Options) *Reassigner {
	if o.Batch == 0 {
		o.Batch = 50
	}
	if o.Poll == 0 {
		o.Poll = 500 * time.Millisecond
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return &Reassigner{client: client, admin: kadm.NewClient(client), options: o}
}

// Run makes plans and carries them out until there is nothing left to move. plan
// is asked again after what is under way has finished and after each batch, so
// that it never acts on a cluster that has changed since. Every new replica is in
// sync before an old one goes, so no partition is ever less safe than it was.
// When ctx ends, what was handed over goes on and keeps its limit; the next Run
// takes both up. Limits are gone when it returns without error.
func (r *Reassigner) Run(ctx context.Context, plan func(Snapshot) (Plan, error)) error {
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
		batch := next.Moves[:min(r.options.Batch, len(next.Moves))]
		r.options.Progress(Progress{Done: done, Total: done + len(next.Moves)})
		if err := r.begin(ctx, batch, snapshot); err != nil {
			return err
		}
		done += len(batch)
	}
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
	return nil
}

// settled waits until nothing moves and returns the cluster as it is then.
func (r *Reassigner) settled(ctx context.Context, done int) (Snapshot, error) {
	for {
		moving, err := r.admin.ListPartitionReassignments(ctx, nil)
		if err != nil {
			return Snapshot{}, fmt.Errorf("ask what moves: %w", err)
		}
		var left []Partition
		for _, topic := range moving {
			for _, m := range topic {
				left = append(left, Partition{Topic: m.Topic, Number: m.Partition, Replicas: m.Replicas, Adding: m.AddingReplicas, Removing: m.RemovingReplicas})
			}
		}
		if len(left) == 0 {
			return Read(ctx, r.client)
		}
		r.options.Progress(Progress{Done: max(0, done-len(left)), Total: done, Moving: left})
		select {
		case <-ctx.Done():
			return Snapshot{}, fmt.Errorf("wait for %d partitions that move: %w; they go on, and the next run takes them up", len(left), context.Cause(ctx))
		case <-time.After(r.options.Poll):
		}
	}
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
