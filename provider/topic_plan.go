package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/twmb/franz-go/pkg/kerr"
)

// ValidateConfig holds the file against Kafka's published rules, without the brokers.
func (r *topicResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config topicModel
	resp.Diagnostics.Append(topicCodec.get(ctx, req.Config.Raw, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(config.check()...)
}

// check finds what no broker need be asked about.
func (m topicModel) check() diag.Diagnostics {
	diags := topicConfig.check(m.Config, path.Root("config"))
	owned := mapOf(m.Config)
	if name := m.Name.ValueString(); name == "." || name == ".." {
		diags.AddAttributeError(path.Root("name"), "Invalid topic name", `A topic cannot be called "." or "..".`)
	}
	for _, u := range unitAttributes {
		diags.Append(u.check(m)...)
	}
	if !m.Placement.IsNull() && m.ReplicationFactor.IsNull() {
		diags.AddAttributeError(path.Root("placement"), "Placement without a number of replicas", "A placement needs replication_factor: say how many replicas stand there.")
	}
	if minimum, err := strconv.ParseInt(owned["min.insync.replicas"], 10, 64); err == nil && m.replicas() > 0 && minimum > int64(m.replicas()) {
		diags.AddAttributeError(path.Root("config").AtMapKey("min.insync.replicas"), "More in-sync replicas than replicas", fmt.Sprintf(
			"With replication_factor = %d, min.insync.replicas = %d can never be met: producers with acks=all would be refused for ever.", m.replicas(), minimum))
	}
	return diags
}

// topicConfig is what Kafka accepts as settings of a topic.
var topicConfig = configTable{keys: topicConfigKeys, other: throttled}

func throttled(key string) string {
	if !throttleKeys[key] {
		return ""
	}
	return fmt.Sprintf("%q belongs to a running reassignment, which sets and clears it. Remove it here.", key)
}

// ModifyPlan refuses what would fail or lose data, while nothing has been written.
func (r *topicResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.inst == nil {
		return
	}
	var plan, state topicModel
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(topicCodec.get(ctx, req.State.Raw, &state)...)
	}
	if req.Plan.Raw.IsNull() {
		r.planDestroy(ctx, state, &resp.Diagnostics)
		return
	}
	resp.Diagnostics.Append(topicCodec.get(ctx, req.Plan.Raw, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if protection := r.inst.planProtection(req.Config, plan.DeletionProtection); !protection.Equal(plan.DeletionProtection) {
		plan.DeletionProtection = protection
		resp.Diagnostics.Append(topicCodec.set(ctx, &resp.Plan.Raw, plan)...)
	}
	resp.Diagnostics.Append(plan.check()...)
	r.refuseCollision(plan, &resp.Diagnostics)
	if req.State.Raw.IsNull() {
		r.planCreate(ctx, plan, &resp.Diagnostics)
		return
	}
	changed := !resp.Plan.Raw.Equal(req.State.Raw)
	if changed {
		r.planUpdate(ctx, plan, state, &resp.Diagnostics)
	}
	if reassignment := planReassignment(state, changed); !reassignment.Equal(plan.Reassignment) {
		plan.Reassignment = reassignment
		resp.Diagnostics.Append(topicCodec.set(ctx, &resp.Plan.Raw, plan)...)
	}
}

func (r *topicResource) planDestroy(ctx context.Context, state topicModel, diags *diag.Diagnostics) {
	if r.inst.kafkaUnknown {
		r.inst.warnUnchecked(diags, unknownKafka)
		return
	}
	r.refuseLoss(ctx, state, diags)
}

// refuseCollision compares with the other topics of this plan.
func (r *topicResource) refuseCollision(plan topicModel, diags *diag.Diagnostics) {
	if plan.Name.IsUnknown() {
		return
	}
	if other := r.inst.topics.add(plan.Name.ValueString()); other != "" {
		collision(plan.Name.ValueString(), other, "another resource of this plan declares", diags)
	}
}

func collision(name, other, whence string, diags *diag.Diagnostics) {
	diags.AddAttributeError(path.Root("name"), "Topic names collide", fmt.Sprintf(
		"%q and %q, which %s, differ only in dots and underscores. Kafka's metrics turn both into %q, and brokers refuse the second one. "+
			"Rename one of them; Headwater's names have dots and hyphens only.", name, other, whence, metricName(name)))
}

func (r *topicResource) planCreate(ctx context.Context, plan topicModel, diags *diag.Diagnostics) {
	if plan.Name.IsUnknown() || diags.HasError() {
		return
	}
	name := plan.Name.ValueString()
	if !r.inst.topics.create(name) {
		diags.AddAttributeError(path.Root("name"), "Topic declared twice",
			fmt.Sprintf("Another resource of this plan creates topic %q too. Keep one of them.", name))
		return
	}
	if r.inst.kafkaUnknown {
		r.inst.warnUnchecked(diags, unknownKafka)
		return
	}
	existing, err := r.inst.collector.topics.peek(ctx)
	if err != nil {
		r.inst.failPlan(diags, fmt.Sprintf("Plan topic %q", name), err)
		return
	}
	if info, exists := existing[name]; exists {
		r.planExisting(ctx, plan, info, diags)
		return
	}
	if other := r.inst.topics.onCluster(name, existing); other != "" {
		collision(name, other, "is on the cluster", diags)
		return
	}
	if !plan.Partitions.IsUnknown() && plan.settled() {
		r.dryRun(diags, fmt.Sprintf("Plan topic %q", name), r.tryCreate(ctx, plan))
	}
}

// planExisting judges a topic that is to be created and is there. What an apply
// made whose end was cut off is taken over: it is empty and exactly as declared.
func (r *topicResource) planExisting(ctx context.Context, plan topicModel, info topicInfo, diags *diag.Diagnostics) {
	name := plan.Name.ValueString()
	config, _, err := r.inst.collector.configs.get(ctx, name)
	if err != nil {
		r.inst.failPlan(diags, fmt.Sprintf("Plan topic %q", name), err)
		return
	}
	records, _, err := r.inst.collector.records.get(ctx, name)
	if err == nil && records == 0 && plan.settled() && plan.describes(info, config) {
		diags.AddAttributeWarning(path.Root("name"), "Topic exists already", fmt.Sprintf(
			"Topic %q is on the cluster, empty and exactly as declared, as an interrupted apply leaves it. The apply takes it over.", name))
		return
	}
	if plan.AdoptExisting.ValueBool() {
		r.planAdoption(ctx, plan, info, config, records, diags)
		return
	}
	diags.AddAttributeError(path.Root("name"), "Topic exists already", fmt.Sprintf(
		"Topic %q is on the cluster and not in this state. Set adopt_existing = true, or bring it in with `import { to = <its address>, id = %q }`; "+
			"if it moved within the configuration, write a moved block; to start anew, delete it first. A topic is never replaced.", name, name))
}

// settled reports whether all settings are known.
func (m topicModel) settled() bool {
	for _, u := range unitAttributes {
		if u.of(&m).IsUnknown() {
			return false
		}
	}
	if m.Config.IsUnknown() || !m.placementKnown() {
		return false
	}
	return len(mapOf(m.Config)) == len(m.Config.Elements())
}

func (r *topicResource) planUpdate(ctx context.Context, plan, state topicModel, diags *diag.Diagnostics) {
	name, was := plan.Name.ValueString(), state.Name.ValueString()
	if !plan.Name.IsUnknown() && name != was {
		diags.AddAttributeError(path.Root("name"), "A topic cannot be renamed", fmt.Sprintf(
			"Kafka cannot rename topic %q to %q, and replacing it would lose its records. Declare the new topic beside the old one, "+
				"move its producers and consumers, then remove the old one.", was, name))
		return
	}
	from, to := state.Partitions.ValueInt64(), plan.Partitions.ValueInt64()
	if !plan.Partitions.IsUnknown() && to < from {
		diags.AddAttributeError(path.Root("partitions"), "A topic cannot have fewer partitions", fmt.Sprintf(
			"Topic %q has %d partitions and Kafka cannot take any away, so %d cannot be reached. Keep %d, or declare a new topic and move over.", name, from, to, from))
		return
	}
	r.planReplicas(ctx, plan, state, diags)
	if !plan.Partitions.IsUnknown() && to > from {
		diags.AddAttributeWarning(path.Root("partitions"), "Growing a topic moves its keys", fmt.Sprintf(
			"With %d instead of %d partitions, most keys of topic %q go to another partition: order per key is broken once, "+
				"and processors with state refuse to start on the new count.", to, from, name))
	}
	r.tryUpdate(ctx, plan, state, diags)
}

// tryUpdate lets the brokers check the update.
func (r *topicResource) tryUpdate(ctx context.Context, plan, state topicModel, diags *diag.Diagnostics) {
	if diags.HasError() || !plan.settled() || plan.Partitions.IsUnknown() {
		return
	}
	if r.inst.kafkaUnknown {
		r.inst.warnUnchecked(diags, unknownKafka)
		return
	}
	summary := fmt.Sprintf("Plan topic %q", plan.Name.ValueString())
	if from := state.Partitions.ValueInt64(); plan.Partitions.ValueInt64() != from {
		r.dryRun(diags, summary, r.grow(ctx, plan, from, state.ReplicationFactor.ValueInt64(), true))
	}
	if changes := plan.changes(state); len(changes) > 0 && !diags.HasError() {
		client, err := r.inst.connect(ctx)
		if err == nil {
			err = alterError(client.ValidateAlterTopicConfigs(ctx, changes, plan.Name.ValueString()))
		}
		r.dryRun(diags, summary, err)
	}
}

// dryRun judges the brokers' answer to a request that only validates.
func (r *topicResource) dryRun(diags *diag.Diagnostics, summary string, err error) {
	r.inst.failDryRun(diags, summary, err, topicFault)
}

// topicFault is the attribute that an answer of the brokers is about.
func topicFault(err error) (path.Path, bool) {
	switch {
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return path.Root("replication_factor"), true
	case errors.Is(err, kerr.InvalidPartitions):
		return path.Root("partitions"), true
	case errors.Is(err, kerr.InvalidTopicException):
		return path.Root("name"), true
	case errors.Is(err, kerr.InvalidConfig):
		if key, ok := mentioned(err, maps.Keys(topicConfigKeys)); ok {
			return path.Root("config").AtMapKey(key), true
		}
		return path.Root("config"), true
	}
	return path.Empty(), false
}

func (r *topicResource) tryCreate(ctx context.Context, plan topicModel) error {
	creation, err := r.creation(ctx, plan)
	if err == nil {
		_, err = r.inst.batches.tryCreate.do(ctx, creation)
	}
	return err
}
