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

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"headwater.internal/platform/internal/cluster"
)

// What the computed attribute reassignment says of a topic.
const (
	reassignmentNone   = "none"
	reassignmentMoving = "under way"
	reassignmentLimits = "limits left" // nothing moves, and an interrupted apply left the throttles of what did
)

// reassignmentOf reads it from what the brokers say.
func reassignmentOf(info topicInfo, config map[string]configValue) string {
	if info.moving {
		return reassignmentMoving
	}
	for key := range throttleKeys {
		// "*" is set by hand: a reassignment lists replicas.
		if v := config[key].value; strings.Contains(v, ":") {
			return reassignmentLimits
		}
	}
	return reassignmentNone
}

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

// planReplicas says what a change of the replication factor will move, and
// refuses one that has no brokers to go to.
func (r *topicResource) planReplicas(ctx context.Context, plan, state topicModel, diags *diag.Diagnostics) {
	if plan.ReplicationFactor.IsUnknown() || plan.ReplicationFactor.Equal(state.ReplicationFactor) || diags.HasError() {
		return
	}
	if r.inst.kafkaUnknown {
		r.inst.warnUnchecked(diags, unknownKafka)
		return
	}
	name, factor := state.Name.ValueString(), int(plan.ReplicationFactor.ValueInt64())
	snapshot, err := r.inst.snapshot(ctx)
	if err != nil {
		r.dryRun(diags, fmt.Sprintf("Plan the replicas of topic %q", name), err)
		return
	}
	moves, err := snapshot.Replicate(name, factor)
	if err != nil {
		diags.AddAttributeError(path.Root("replication_factor"), "Replicas cannot be placed", sentence(err)+
			" Lower replication_factor, or add or start brokers.")
		return
	}
	if minimum := snapshot.MinISR(name); factor < minimum && mapOf(plan.Config)["min.insync.replicas"] == "" {
		diags.AddAttributeError(path.Root("replication_factor"), "More in-sync replicas than replicas", fmt.Sprintf(
			"Topic %q has min.insync.replicas = %d: with %d replicas producers with acks=all would be refused for ever. Set it in config, or keep more replicas.",
			name, minimum, factor))
		return
	}
	if len(moves.Moves) > 0 {
		diags.AddAttributeWarning(path.Root("replication_factor"), fmt.Sprintf("Replicas of topic %q change", name), r.describeMoves(moves))
	}
}

func (r *topicResource) describeMoves(moves cluster.Plan) string {
	var b strings.Builder
	added, removed := 0, 0
	for _, m := range moves.Moves {
		added, removed = added+len(m.Added()), removed+len(m.Removed())
	}
	fmt.Fprintf(&b, "%s of %s: %s added, %s removed.", plural(len(moves.Moves), "partition"), moves.Moves[0].Topic, plural(added, "replica"), plural(removed, "replica"))
	received := moves.Received()
	for _, id := range slices.Sorted(maps.Keys(received)) {
		fmt.Fprintf(&b, "\n  broker %d gets %s, %s", id, plural(received[id].Replicas, "replica"), formatBytes(received[id].Bytes))
	}
	if rate := r.inst.reassignmentThrottle; moves.Bytes() > 0 && rate > 0 {
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

// planReassignment keeps the attribute consistent: limits that were left are a
// difference, which an apply clears.
func planReassignment(ctx context.Context, state topicModel, resp *resource.ModifyPlanResponse, changed bool) {
	planned := state.Reassignment
	switch {
	case state.Reassignment.ValueString() == reassignmentLimits:
		planned = types.StringValue(reassignmentNone)
	case changed:
		planned = types.StringUnknown()
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("reassignment"), planned)...)
}

// replicator changes replication factors. All topics that want one while it works
// are moved together: limits and their removal are the cluster's, not a topic's.
type replicator struct {
	inst *instance

	mu     sync.Mutex
	wanted map[string]int   // of the run that takes topics on; nil when there is none
	failed map[string]error // topics that could not be planned
	done   chan struct{}    // closed when that run has ended
	err    error            // of the run
}

// change gives the topic factor replicas and returns when it has them.
func (r *replicator) change(ctx context.Context, topic string, factor int) error {
	r.mu.Lock()
	if r.wanted == nil {
		r.wanted, r.failed, r.done, r.err = map[string]int{}, map[string]error{}, make(chan struct{}), nil
		go r.run(ctx, r.failed, r.done)
	}
	r.wanted[topic] = factor
	failed, done := r.failed, r.done
	r.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("wait for replicas to move: %w; they go on, and the next apply takes them up", context.Cause(ctx))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.err, failed[topic])
}

func (r *replicator) run(ctx context.Context, failed map[string]error, done chan struct{}) {
	defer close(done)
	err := r.move(ctx, failed)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.wanted = err, nil
}

func (r *replicator) move(ctx context.Context, failed map[string]error) error {
	client, err := r.inst.connect(ctx)
	if err != nil {
		return err
	}
	return cluster.NewReassigner(client.raw, cluster.Options{BytesPerSecond: r.inst.reassignmentThrottle}).Run(ctx, func(s cluster.Snapshot) (cluster.Plan, error) {
		return r.plan(s, failed), nil
	})
}

// plan is what is left to move. With nothing left the run takes on no more topics.
func (r *replicator) plan(s cluster.Snapshot, failed map[string]error) cluster.Plan {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all cluster.Plan
	for topic, factor := range r.wanted {
		one, err := s.Replicate(topic, factor)
		if err != nil {
			failed[topic] = err
			continue
		}
		all.Moves = append(all.Moves, one.Moves...)
	}
	if len(all.Moves) == 0 {
		r.wanted = nil
	}
	return all
}
