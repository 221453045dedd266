package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
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

// moves reports whether a plan asks for replicas that the state does not have.
func (m topicModel) moves(state topicModel) bool {
	return !m.ReplicationFactor.Equal(state.ReplicationFactor) || !m.Placement.IsNull() && !m.Placement.Equal(state.Placement)
}

// planReplicas says what a change of the replication factor or the placement will move, and
// refuses one that has no brokers to go to.
func (r *topicResource) planReplicas(ctx context.Context, plan, state topicModel, diags *diag.Diagnostics) {
	if plan.ReplicationFactor.IsUnknown() || !plan.moves(state) || !plan.placementKnown() || diags.HasError() {
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
	at := path.Root("replication_factor")
	if !plan.Placement.IsNull() {
		at = path.Root("placement")
	}
	moves, err := snapshot.Place(name, factor, plan.allow())
	if err != nil {
		diags.AddAttributeError(at, "Replicas cannot be placed", sentence(err)+
			" Lower replication_factor, widen placement, or add or start brokers.")
		return
	}
	if minimum := snapshot.MinISR(name); factor < minimum && mapOf(plan.Config)["min.insync.replicas"] == "" {
		diags.AddAttributeError(path.Root("replication_factor"), "More in-sync replicas than replicas", fmt.Sprintf(
			"Topic %q has min.insync.replicas = %d: with %d replicas producers with acks=all would be refused for ever. Set it in config, or keep more replicas.",
			name, minimum, factor))
		return
	}
	if len(moves.Moves) > 0 {
		diags.AddAttributeWarning(at, fmt.Sprintf("Replicas of topic %q change", name), r.inst.describeMoves(fmt.Sprintf("%s of %s", plural(len(moves.Moves), "partition"), name), moves))
	}
}

// planReassignment keeps the attribute consistent: limits that were left are a
// difference, which an apply clears.
func planReassignment(state topicModel, changed bool) types.String {
	switch {
	case state.Reassignment.ValueString() == reassignmentLimits:
		return types.StringValue(reassignmentNone)
	case changed:
		return types.StringUnknown()
	}
	return state.Reassignment
}
