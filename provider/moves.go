package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"headwater.internal/platform/internal/cluster"
)

// snapshots keeps one look at the cluster for all topics of a plan.
type snapshots struct {
	mu   sync.Mutex
	seen *cluster.Snapshot
}

func (i *instance) snapshot(ctx context.Context) (cluster.Snapshot, error) {
	i.snapshots.mu.Lock()
	defer i.snapshots.mu.Unlock()
	if i.snapshots.seen != nil {
		return *i.snapshots.seen, nil
	}
	client, err := i.connect(ctx)
	if err != nil {
		return cluster.Snapshot{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, i.requestTimeout)
	defer cancel()
	s, err := cluster.Read(ctx, client.raw)
	if err == nil {
		i.snapshots.seen = &s
	}
	return s, err
}

// fresh is the cluster as it is now, past what a plan has kept.
func (i *instance) fresh(ctx context.Context) (cluster.Snapshot, error) {
	client, err := i.connect(ctx)
	if err != nil {
		return cluster.Snapshot{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, i.requestTimeout)
	defer cancel()
	return cluster.Read(ctx, client.raw)
}

// describeMoves says what moves where and how long that takes, after what.
func (i *instance) describeMoves(what string, moves cluster.Plan) string {
	var b strings.Builder
	added, removed := 0, 0
	for _, m := range moves.Moves {
		added, removed = added+len(m.Added()), removed+len(m.Removed())
	}
	fmt.Fprintf(&b, "%s: %s added, %s removed, %s to copy.", what, plural(added, "replica"), plural(removed, "replica"), formatBytes(moves.Bytes()))
	received := moves.Received()
	for _, id := range slices.Sorted(maps.Keys(received)) {
		fmt.Fprintf(&b, "\n  broker %d gets %s, %s", id, plural(received[id].Replicas, "replica"), formatBytes(received[id].Bytes))
	}
	if rate := i.reassignmentThrottle; moves.Bytes() > 0 && rate > 0 {
		most := int64(0)
		for _, share := range received {
			most = max(most, share.Bytes)
		}
		fmt.Fprintf(&b, "\nAt %s/s for each broker (reassignment_throttle) that takes about %s.", formatBytes(rate), max(time.Second, time.Duration(most/rate)*time.Second))
	}
	b.WriteString("\nNo old replica goes before the new ones are in sync. An apply that is interrupted goes on in the cluster; the next one takes it up.")
	return b.String()
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// goal is something that replicas are moved for.
type goal struct {
	// plan is what is left to move; an error ends this goal alone.
	plan func(cluster.Snapshot) (cluster.Plan, error)
	// empties is the broker that is to give all it has, to which no other goal may
	// move anything; -1 for none.
	empties int32
}

// mover moves replicas. All goals that come up while it works are reached
// together, each planned on top of the others: limits and their removal are the
// cluster's, not a resource's.
type mover struct {
	inst *instance

	mu     sync.Mutex
	wanted map[string]goal  // of the run that takes goals on; nil when there is none
	failed map[string]error // goals that cannot be reached
	done   chan struct{}    // closed when that run has ended
	err    error            // of the run
}

// reach returns when the goal is reached. Two goals of one name are the same.
func (m *mover) reach(ctx context.Context, name string, g goal) error {
	m.mu.Lock()
	if m.wanted == nil {
		m.wanted, m.failed, m.done, m.err = map[string]goal{}, map[string]error{}, make(chan struct{}), nil
		go m.run(ctx, m.failed, m.done)
	}
	m.wanted[name] = g
	failed, done := m.failed, m.done
	m.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("wait for replicas to move: %w; they go on, and the next apply takes them up", context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return errors.Join(m.err, failed[name])
}

func (m *mover) run(ctx context.Context, failed map[string]error, done chan struct{}) {
	defer close(done)
	err := m.move(ctx, failed)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err, m.wanted = err, nil
}

func (m *mover) move(ctx context.Context, failed map[string]error) error {
	client, err := m.inst.connect(ctx)
	if err != nil {
		return err
	}
	return cluster.NewReassigner(client.raw, cluster.Options{BytesPerSecond: m.inst.reassignmentThrottle}).Run(ctx, func(s cluster.Snapshot) (cluster.Plan, error) {
		return m.plan(s, failed), nil
	})
}

// plan is what is left to move. With nothing left the run takes on no more goals.
func (m *mover) plan(s cluster.Snapshot, failed map[string]error) cluster.Plan {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.wanted {
		if g.empties >= 0 {
			s = s.Sparing(g.empties)
		}
	}
	var all cluster.Plan
	for _, name := range slices.Sorted(maps.Keys(m.wanted)) {
		one, err := m.wanted[name].plan(s)
		if err != nil {
			failed[name] = err
			delete(m.wanted, name)
			continue
		}
		s, all = s.With(one), all.Then(one)
	}
	if len(all.Moves) == 0 {
		m.wanted = nil
	}
	return all
}
