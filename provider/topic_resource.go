package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kerr"
)

var (
	_ resource.ResourceWithConfigure      = (*topicResource)(nil)
	_ resource.ResourceWithIdentity       = (*topicResource)(nil)
	_ resource.ResourceWithImportState    = (*topicResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*topicResource)(nil)
	_ resource.ResourceWithValidateConfig = (*topicResource)(nil)
)

type topicResource struct {
	inst *instance
}

type topicModel struct {
	Name               types.String `tfsdk:"name"`
	Partitions         types.Int64  `tfsdk:"partitions"`
	ReplicationFactor  types.Int64  `tfsdk:"replication_factor"`
	Placement          types.Object `tfsdk:"placement"`
	AdoptExisting      types.Bool   `tfsdk:"adopt_existing"`
	Retention          types.String `tfsdk:"retention"`
	RetentionSize      types.String `tfsdk:"retention_size"`
	SegmentAge         types.String `tfsdk:"segment_age"`
	SegmentSize        types.String `tfsdk:"segment_size"`
	MaxMessageSize     types.String `tfsdk:"max_message_size"`
	Config             types.Map    `tfsdk:"config"`
	DeletionProtection types.Bool   `tfsdk:"deletion_protection"`
	ForceDestroy       types.Bool   `tfsdk:"force_destroy"`
	TopicID            types.String `tfsdk:"topic_id"`
	Reassignment       types.String `tfsdk:"reassignment"`
}

var topicCodec = newCodec[topicModel](newTopicResource)

func newTopicResource() resource.Resource { return &topicResource{} }

// Metadata names the type.
func (r *topicResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_topic"
}

// IdentitySchema describes what identifies a topic.
func (r *topicResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = topicIdentity.schema()
}

// topicName is what Kafka accepts; "." and ".." are left to the broker's check.
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// Schema describes the type.
func (r *topicResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A Kafka topic.\n\n" +
			"The plan is checked before anything is written: setting names and values against Apache Kafka 4.3, then by the brokers themselves " +
			"(`validate_only`) where they can be reached. A rename and a lower number of partitions are refused, never answered with a replacement, " +
			"and a topic that holds records is not destroyed while `deletion_protection` is on in the state.\n\n" +
			"Only the settings in `config` and those written in units, such as `retention`, are owned: others on the topic are neither shown nor changed, " +
			"and the throttles of a running reassignment are left alone.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the topic: letters, digits, `.`, `_` and `-`, at most 249. It cannot change. " +
					"Two names that differ in `.` and `_` only are refused, since Kafka's metrics cannot tell them apart.",
				Required: true,
				Validators: []validator.String{stringvalidator.RegexMatches(topicName,
					"a topic name has 1 to 249 letters, digits, dots, underscores and hyphens")},
			},
			"partitions": schema.Int64Attribute{
				MarkdownDescription: "Number of partitions. It can grow in place (which moves keys to other partitions, so their order is broken once) and never shrink.",
				Required:            true,
				Validators:          []validator.Int64{int64validator.AtLeast(1)},
			},
			"replication_factor": schema.Int64Attribute{
				MarkdownDescription: "Number of replicas of each partition; the brokers' default when left out. A change moves replicas: over the racks, onto the brokers that hold least, " +
					"never faster than `reassignment_throttle` of the provider, and no old replica goes before the new ones are in sync. The plan says what moves where. " +
					"An apply that is interrupted goes on in the cluster and is taken up by the next.",
				Optional:      true,
				Computed:      true,
				Validators:    []validator.Int64{int64validator.Between(1, 32767)},
				PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"placement": placementSchema(),
			"adopt_existing": schema.BoolAttribute{
				MarkdownDescription: "Take a topic of this name over when the cluster has one that no state owns, instead of refusing; off by default. The plan says what becomes of it: the settings " +
					"declared are written, others stay, and it grows to `partitions`. It must have the declared `replication_factor` and no more partitions, and no `placement` may be declared yet. " +
					"It counts when the topic is created only.",
				Optional: true,
			},
			"retention": schema.StringAttribute{
				MarkdownDescription: "How long records are kept, such as `30d`, `12h` or `unlimited`. It stands for `retention.ms` in `config`, where it must not be then.",
				Optional:            true,
			},
			"retention_size": schema.StringAttribute{
				MarkdownDescription: "How much of each partition is kept, such as `1.5GiB` or `unlimited`; `retention.bytes`.",
				Optional:            true,
			},
			"segment_age": schema.StringAttribute{
				MarkdownDescription: "How old a segment gets before the next one is begun, such as `7d`; `segment.ms`.",
				Optional:            true,
			},
			"segment_size": schema.StringAttribute{
				MarkdownDescription: "How large a segment gets before the next one is begun, such as `512MiB`; `segment.bytes`.",
				Optional:            true,
			},
			"max_message_size": schema.StringAttribute{
				MarkdownDescription: "How large a batch of records may be, such as `4MiB`; `max.message.bytes`.",
				Optional:            true,
			},
			"config": schema.MapAttribute{
				MarkdownDescription: "Topic settings by their Kafka names, such as `\"cleanup.policy\" = \"compact\"`. Settings left out keep what the brokers have.",
				ElementType:         types.StringType,
				Optional:            true,
			},
			"deletion_protection": schema.BoolAttribute{
				MarkdownDescription: "Refuse to destroy the topic while it holds records or a consumer group is active on it." + protectionText,
				Optional:            true,
				Computed:            true,
			},
			"force_destroy": schema.BoolAttribute{
				MarkdownDescription: "Destroy the topic although it holds records and is protected. For throwaway environments. It lifts nothing while consumer groups are active. " +
					"What counts is the value in the state.",
				Optional: true,
				Computed: true,
				Default:  booldefault.StaticBool(false),
			},
			"topic_id": schema.StringAttribute{
				MarkdownDescription: "Kafka's own id of the topic, a UUID. A topic that was deleted and made again outside Terraform has another one, which a plan reports.",
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"reassignment": schema.StringAttribute{
				MarkdownDescription: "Whether replicas are moving: `none`, `under way`, or `limits left` when an apply was interrupted and the throttles of its moves " +
					"are still set. The next apply clears them.",
				Computed:      true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
		},
	}
}

// Configure takes the provider's instance.
func (r *topicResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Create makes the topic. Once the brokers have made it, nothing fails any more:
// an error after that would taint the topic, and a tainted one is replaced.
func (r *topicResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan topicModel
	resp.Diagnostics.Append(topicCodec.get(ctx, req.Plan.Raw, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	name := plan.Name.ValueString()
	topicIdentity.set(resp.Identity, name)
	created, err := r.create(ctx, plan)
	r.inst.collector.forgetTopic(name)
	if err != nil {
		r.inst.fail(&resp.Diagnostics, fmt.Sprintf("Create topic %q", name), err)
		return
	}
	plan.TopicID = types.StringValue(topicUUID(created.id))
	plan.ReplicationFactor = types.Int64Value(created.replicationFactor)
	plan.Reassignment = types.StringValue(reassignmentNone)
	resp.Diagnostics.Append(topicCodec.set(ctx, &resp.State.Raw, plan)...)
	if created.leaderless > 0 {
		resp.Diagnostics.AddWarning(fmt.Sprintf("Topic %q has no leaders yet", name),
			fmt.Sprintf("It was created, and %d of its %d partitions had no leader 15 s later. Producers wait until they have.", created.leaderless, created.partitions))
	}
}

// Read takes over what the brokers have for the settings that are owned.
func (r *topicResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state topicModel
	resp.Diagnostics.Append(topicCodec.get(ctx, req.State.Raw, &state)...)
	topicIdentity.set(resp.Identity, state.Name.ValueString())
	if resp.Diagnostics.HasError() || r.inst.kafkaUnknown {
		return
	}
	name := state.Name.ValueString()
	info, exists, err := r.inst.collector.topics.get(ctx, name)
	var config map[string]configValue
	if err == nil && exists {
		config, exists, err = r.inst.collector.configs.get(ctx, name)
	}
	if err != nil {
		r.inst.failPlan(&resp.Diagnostics, fmt.Sprintf("Read topic %q", name), err)
		return
	}
	if !exists {
		resp.State.RemoveResource(ctx)
		return
	}
	if was, is := state.TopicID.ValueString(), topicUUID(info.id); was != "" && was != is {
		resp.Diagnostics.AddWarning(fmt.Sprintf("Topic %q was recreated outside Terraform", name), fmt.Sprintf(
			"It was deleted and made again: its id is %s now and was %s. The records of the earlier topic are gone, and offsets that consumers "+
				"committed for it mean nothing in this one. The next apply takes the new topic over.", is, was))
	}
	resp.Diagnostics.Append(state.take(ctx, info, config)...)
	if err := r.takePlacement(ctx, &state, info); err != nil {
		r.inst.failPlan(&resp.Diagnostics, fmt.Sprintf("Read the placement of topic %q", name), err)
		return
	}
	resp.Diagnostics.Append(topicCodec.set(ctx, &resp.State.Raw, state)...)
}

// Update grows the topic and writes the settings that changed. The state follows
// step by step, so that what was done is known even when the next step fails.
func (r *topicResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state topicModel
	resp.Diagnostics.Append(topicCodec.get(ctx, req.Plan.Raw, &plan)...)
	resp.Diagnostics.Append(topicCodec.get(ctx, req.State.Raw, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	name := plan.Name.ValueString()
	topicIdentity.set(resp.Identity, name)
	defer r.inst.collector.forgetTopic(name)
	if grown := plan.Partitions.ValueInt64(); grown != state.Partitions.ValueInt64() {
		if err := r.grow(ctx, plan, state.Partitions.ValueInt64(), state.ReplicationFactor.ValueInt64(), false); err != nil {
			r.inst.fail(&resp.Diagnostics, fmt.Sprintf("Grow topic %q to %d partitions", name, grown), err)
			return
		}
		state.Partitions = plan.Partitions
		resp.Diagnostics.Append(topicCodec.set(ctx, &resp.State.Raw, state)...)
	}
	// More replicas come before settings that need them, fewer after settings that
	// needed them.
	fewer := plan.ReplicationFactor.ValueInt64() < state.ReplicationFactor.ValueInt64()
	if !fewer && !r.move(ctx, plan, &state, resp) {
		return
	}
	if changes := plan.changes(state); len(changes) > 0 {
		if err := r.alter(ctx, name, changes); err != nil {
			r.inst.fail(&resp.Diagnostics, fmt.Sprintf("Change the settings of topic %q", name), err)
			return
		}
		state.keepSettings(plan)
		resp.Diagnostics.Append(topicCodec.set(ctx, &resp.State.Raw, state)...)
	}
	if fewer && !r.move(ctx, plan, &state, resp) {
		return
	}
	plan.Reassignment = types.StringValue(reassignmentNone)
	resp.Diagnostics.Append(topicCodec.set(ctx, &resp.State.Raw, plan)...)
}

// move gives the topic the replicas that are planned, and clears what an
// interrupted apply left. It says false when that failed.
func (r *topicResource) move(ctx context.Context, plan topicModel, state *topicModel, resp *resource.UpdateResponse) bool {
	factor := plan.ReplicationFactor.ValueInt64()
	if !plan.moves(*state) && state.Reassignment.ValueString() != reassignmentLimits {
		return true
	}
	name := plan.Name.ValueString()
	if err := r.inst.moves.reach(ctx, "topic "+name, replicasOf(name, int(factor), plan.allow())); err != nil {
		r.inst.fail(&resp.Diagnostics, fmt.Sprintf("Give topic %q %d replicas", name, factor), err)
		return false
	}
	state.ReplicationFactor, state.Placement = plan.ReplicationFactor, plan.Placement
	resp.Diagnostics.Append(topicCodec.set(ctx, &resp.State.Raw, *state)...)
	return true
}

// Delete deletes the topic, unless it is protected and holds records by now.
func (r *topicResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state topicModel
	resp.Diagnostics.Append(topicCodec.get(ctx, req.State.Raw, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	name := state.Name.ValueString()
	r.inst.collector.forgetTopic(name)
	r.refuseLoss(ctx, state, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	_, err := r.inst.batches.remove.do(ctx, name)
	r.inst.collector.forgetTopic(name)
	if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		r.inst.fail(&resp.Diagnostics, fmt.Sprintf("Delete topic %q", name), err)
	}
}

// ImportState takes a topic's name. Its settings become owned, retention.ms as
// retention.
func (r *topicResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	refuseImportUnknown(r.inst, &resp.Diagnostics)
	name := req.ID
	if identity, ok := topicIdentity.imported(ctx, req, resp); ok {
		name = identity[0]
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), name)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("deletion_protection"), true)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("force_destroy"), false)...)
}

// refuseImportUnknown stops an import that cannot look at the cluster.
func refuseImportUnknown(inst *instance, diags *diag.Diagnostics) {
	if inst.kafkaUnknown {
		diags.AddError("Import needs the brokers", "The provider's Kafka settings are known only after apply. Apply what they come from first, then import.")
	}
}
