package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"headwater.internal/platform/internal/cluster"
)

// duties is what the brokers of one plan have announced to each other: those that
// will take nothing, so that no other one is planned to give to them.
type duties struct {
	mu     sync.Mutex
	closed []int32
}

func (d *duties) close(id int32) []int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = append(d.closed, id)
	return slices.Clone(d.closed)
}

func (d *duties) all() []int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.closed)
}

// ValidateConfig holds the file against Kafka's published rules.
func (r *brokerResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config brokerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(brokerConfig.check(config.Config, path.Root("config"))...)
	if timeout := config.RegistrationTimeout; !timeout.IsNull() && !timeout.IsUnknown() {
		if _, err := parseDuration(timeout.ValueString()); err != nil {
			resp.Diagnostics.AddAttributeError(path.Root("registration_timeout"), "Invalid duration", sentence(err))
		}
	}
}

// ModifyPlan asserts what the broker is, lets it check its settings and says what
// its duty will move. A broker to be added need not be there yet, nor any other.
func (r *brokerResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.inst == nil {
		return
	}
	var plan, state brokerModel
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if req.Plan.Raw.IsNull() {
		r.planDestroy(ctx, state, &resp.Diagnostics)
		return
	}
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	adding := req.State.Raw.IsNull()
	if resp.Diagnostics.HasError() || plan.NodeID.IsUnknown() || plan.State.IsUnknown() {
		return
	}
	plan.planShare(ctx, state, adding, resp)
	if resp.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	if r.inst.kafkaUnknown {
		r.inst.warnUnchecked(&resp.Diagnostics, unknownKafka)
		return
	}
	info, registered, err := r.inst.collector.brokers.get(ctx, plan.key())
	if err == nil && registered && !info.fenced { // else it is to be added, or down: the apply waits for it
		plan.assertRack(info, &resp.Diagnostics)
		r.planConfig(ctx, plan, state, &resp.Diagnostics)
	}
	if err == nil && registered && !resp.Diagnostics.HasError() {
		r.planDuty(ctx, plan, state, &resp.Diagnostics)
	}
}

// planShare plans the computed attributes that follow from the duty.
func (m brokerModel) planShare(ctx context.Context, state brokerModel, adding bool, resp *resource.ModifyPlanResponse) {
	rebalanced := types.BoolValue(m.wantsShare())
	if adding {
		rebalanced = types.BoolUnknown()
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("rebalanced"), rebalanced)...)
	if adding || !m.State.Equal(state.State) || m.wantsShare() && !state.Rebalanced.ValueBool() {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("replicas"), types.Int64Unknown())...)
	}
}

// planConfig lets the broker check its settings.
func (r *brokerResource) planConfig(ctx context.Context, plan, state brokerModel, diags *diag.Diagnostics) {
	changes := configChanges(mapOf(state.Config), mapOf(plan.Config))
	if len(changes) == 0 || diags.HasError() {
		return
	}
	client, err := r.inst.connect(ctx)
	if err == nil {
		err = alterError(client.ValidateAlterBrokerConfigs(ctx, changes, int32(plan.NodeID.ValueInt64())))
	}
	r.inst.failDryRun(diags, "Plan the settings of "+plan.String(), err, func(err error) (path.Path, bool) {
		key, ok := mentioned(err, maps.Keys(mapOf(plan.Config)))
		return path.Root("config").AtMapKey(key), ok
	})
}

// planDuty says what a change of the duty moves, and refuses what cannot be.
func (r *brokerResource) planDuty(ctx context.Context, plan, state brokerModel, diags *diag.Diagnostics) {
	snapshot, err := r.inst.snapshot(ctx)
	switch {
	case denied(err):
		r.inst.warnUnchecked(diags, "The provider's principal may not look at replicas, so the plan does not say what will move: "+sentence(err))
		return
	case err != nil:
		r.inst.failPlan(diags, "Plan the state of "+plan.String(), err)
		return
	}
	plan.checkDirs(snapshot, diags)
	id, duty := plan.id(), plan.State.ValueString()
	if duty != brokerActive {
		snapshot = snapshot.Sparing(r.inst.duties.close(id)...)
	}
	changed := !plan.State.Equal(state.State)
	if changed && duty != brokerActive && !snapshot.Cordons {
		diags.AddAttributeWarning(path.Root("state"), "Kafka itself does not cordon "+plan.String(),
			"The cluster is older than Kafka 4.3, or its metadata.version is. Headwater puts nothing on the broker; Kafka still may, when others create topics or partitions.")
	}
	switch {
	case changed && duty == brokerDrained:
		r.planDrain(plan, state, snapshot, diags)
	case plan.wantsShare() && !state.Rebalanced.ValueBool():
		if b, _ := snapshot.Broker(id); b.Cordoned {
			snapshot = snapshot.Opening(id)
		}
		if moves := snapshot.Sparing(r.inst.duties.all()...).Fill(id); len(moves.Moves) > 0 {
			diags.AddAttributeWarning(path.Root("rebalance"), "Replicas move to "+plan.String(),
				r.inst.describeMoves(fmt.Sprintf("%s, to give %s its share", plural(len(moves.Moves), "partition"), plan), moves))
		}
	}
}

func (r *brokerResource) planDrain(plan, state brokerModel, snapshot cluster.Snapshot, diags *diag.Diagnostics) {
	id := plan.id()
	held := len(snapshot.Held(id))
	if state.State.IsNull() && held > 0 {
		diags.AddAttributeError(path.Root("state"), "A broker is taken over before it is emptied", fmt.Sprintf(
			"Broker %d holds %s and is not in this state yet. Declare it with state = %q, apply, and drain it in the next apply.", id, plural(held, "replica"), brokerCordoned))
		return
	}
	if reasons := snapshot.DrainRefusals(id); len(reasons) > 0 {
		diags.AddAttributeError(path.Root("state"), fmt.Sprintf("Broker %d cannot be emptied now", id), capital(strings.Join(reasons, "; "))+".")
		return
	}
	moves, err := snapshot.Drain(id)
	if err != nil {
		diags.AddAttributeError(path.Root("state"), fmt.Sprintf("Broker %d cannot be emptied", id), sentence(err)+
			" Start or add a broker in a rack that is not taken, or lower the topic's replication_factor.")
		return
	}
	text := r.inst.describeMoves(fmt.Sprintf("%s of %d on broker %d", plural(len(moves.Moves), "partition"), held, id), moves)
	if snapshot.Votes(id) {
		text += fmt.Sprintf("\nNode %d is a controller too: emptying it moves no part of the quorum. Take it out of the voters before the machine goes.", id)
	}
	if b, _ := snapshot.Broker(id); !b.Up {
		text += fmt.Sprintf("\nBroker %d is down and cannot be cordoned: its replicas are made anew from the others in sync.", id)
	}
	diags.AddAttributeWarning(path.Root("state"), fmt.Sprintf("Broker %d will be emptied", id), text)
}

func (r *brokerResource) planDestroy(ctx context.Context, state brokerModel, diags *diag.Diagnostics) {
	switch {
	case r.inst.kafkaUnknown:
		r.inst.warnUnchecked(diags, unknownKafka)
	case state.OnDestroy.ValueString() != onDestroyAbandon:
		snapshot, err := r.inst.snapshot(ctx)
		if err != nil {
			r.inst.failPlan(diags, "Plan the removal of "+state.String(), err)
			return
		}
		refuseRemoval(snapshot, state, diags)
	}
}

// refuseRemoval holds the order of the three steps.
func refuseRemoval(s cluster.Snapshot, state brokerModel, diags *diag.Diagnostics) {
	id := state.id()
	reasons := s.RemoveRefusals(id)
	if len(reasons) == 0 {
		return
	}
	summary := fmt.Sprintf("Cannot remove broker %d: %s", id, reasons[0])
	if held := len(s.Held(id)); held > 0 {
		summary = fmt.Sprintf("Cannot remove broker %d: %s", id, plural(held, "replica"))
	}
	diags.AddError(summary, fmt.Sprintf("%s. A broker leaves in three steps: set state = %q and apply, which moves its replicas away; stop its machine; then remove its entry. "+
		"To forget a broker that stays as it is, such as when the whole cluster is torn down, set on_destroy = %q and apply that first.",
		capital(strings.Join(reasons, " and ")), brokerDrained, onDestroyAbandon))
}
