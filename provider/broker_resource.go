package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	_ resource.ResourceWithConfigure      = (*brokerResource)(nil)
	_ resource.ResourceWithImportState    = (*brokerResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*brokerResource)(nil)
	_ resource.ResourceWithValidateConfig = (*brokerResource)(nil)
)

// Duties of a broker, and what removing its entry does.
const (
	brokerActive   = "active"
	brokerCordoned = "cordoned"
	brokerDrained  = "drained"

	onDestroyUnregister = "unregister"
	onDestroyAbandon    = "abandon"
)

// defaultRegistration is how long a broker may take to register.
const defaultRegistration = "5m"

type brokerResource struct {
	inst *instance
}

type brokerModel struct {
	NodeID              types.Int64  `tfsdk:"node_id"`
	Rack                types.String `tfsdk:"rack"`
	LogDirs             types.Set    `tfsdk:"log_dirs"`
	Config              types.Map    `tfsdk:"config"`
	State               types.String `tfsdk:"state"`
	Rebalance           types.Bool   `tfsdk:"rebalance"`
	OnDestroy           types.String `tfsdk:"on_destroy"`
	RegistrationTimeout types.String `tfsdk:"registration_timeout"`
	Host                types.String `tfsdk:"host"`
	Port                types.Int64  `tfsdk:"port"`
	Replicas            types.Int64  `tfsdk:"replicas"`
	Rebalanced          types.Bool   `tfsdk:"rebalanced"`
}

func newBrokerResource() resource.Resource { return &brokerResource{} }

// Metadata names the type.
func (r *brokerResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_broker"
}

// Schema describes the type.
func (r *brokerResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A broker's membership of the cluster and its duty in it. The machine and its process belong to other resources; this one waits until the broker " +
			"has registered, asserts its rack and log directories, owns its dynamic settings, and moves its replicas.\n\n" +
			"Settings are changed one broker at a time, and only while every broker is up and all replicas are in sync.\n\n" +
			"Removing a broker takes three steps, in this order: set `state = \"drained\"` and apply, which moves its replicas to others; stop the machine; " +
			"remove the entry, which unregisters it. An entry whose broker still holds replicas or runs is not removed. " +
			"`on_destroy = \"abandon\"` forgets the broker instead, for tearing down a whole cluster.",
		Attributes: map[string]schema.Attribute{
			"node_id": schema.Int64Attribute{
				MarkdownDescription: "The broker's `node.id`.",
				Required:            true,
				PlanModifiers:       []planmodifier.Int64{int64planmodifier.RequiresReplace()},
				Validators:          []validator.Int64{int64validator.Between(0, 2147483647)},
			},
			"rack": schema.StringAttribute{
				MarkdownDescription: "The broker's `broker.rack`. When given it is asserted: a broker in another rack is an error, since only its own file and a restart change that.",
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"log_dirs": schema.SetAttribute{
				MarkdownDescription: "The broker's log directories. When given they are asserted: a broker with others, such as one whose disk is not mounted, is an error.",
				ElementType:         types.StringType,
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.Set{setplanmodifier.UseStateForUnknown()},
			},
			"state": schema.StringAttribute{
				MarkdownDescription: "The broker's duty. `active` takes replicas. `cordoned` keeps those it has and gets no new ones: Kafka 4.3 and newer keep them off (`cordoned.log.dirs`), " +
					"of older ones only this provider does, for topics that it creates and replicas that it moves. `drained` is cordoned and holds none: they move to other brokers, each into a rack that keeps " +
					"its partition as spread as it was, no faster than the provider's `reassignment_throttle`. The plan says how many replicas and bytes go where.",
				Optional:   true,
				Computed:   true,
				Default:    stringdefault.StaticString(brokerActive),
				Validators: []validator.String{stringvalidator.OneOf(brokerActive, brokerCordoned, brokerDrained)},
			},
			"rebalance": schema.BoolAttribute{
				MarkdownDescription: "Give the broker its share of replicas once it becomes active: when it is added, when it comes back from `cordoned` or `drained`, and when this is switched on. " +
					"Off by default: a new broker then gets replicas of new topics only, as Kafka does it.",
				Optional: true,
				Computed: true,
				Default:  booldefault.StaticBool(false),
			},
			"on_destroy": schema.StringAttribute{
				MarkdownDescription: "What removing the entry does. `unregister` (the default) takes the broker off the cluster, and is refused while it holds replicas or runs. " +
					"`abandon` withdraws its settings and forgets it. What counts is the value in the state.",
				Optional:   true,
				Computed:   true,
				Default:    stringdefault.StaticString(onDestroyUnregister),
				Validators: []validator.String{stringvalidator.OneOf(onDestroyUnregister, onDestroyAbandon)},
			},
			"config": schema.MapAttribute{
				MarkdownDescription: "Settings of this broker that Kafka changes while it runs, by their Kafka names. Those left out keep what the broker has.",
				ElementType:         types.StringType,
				Optional:            true,
			},
			"registration_timeout": schema.StringAttribute{
				MarkdownDescription: "How long to wait until the broker has registered, such as `10m`; `5m` by default.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(defaultRegistration),
			},
			"host": schema.StringAttribute{
				MarkdownDescription: "Host that the broker advertises.",
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"port": schema.Int64Attribute{
				MarkdownDescription: "Port that the broker advertises.",
				Computed:            true,
				PlanModifiers:       []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"replicas": schema.Int64Attribute{
				MarkdownDescription: "Replicas that the broker holds or is to hold.",
				Computed:            true,
				PlanModifiers:       []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"rebalanced": schema.BoolAttribute{
				MarkdownDescription: "Whether the broker has got what `rebalance` gives it. An apply that was interrupted leaves `false`, and the next one goes on.",
				Computed:            true,
			},
		},
	}
}

// Configure takes the provider's instance.
func (r *brokerResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Create waits for the broker, asserts what it is and gives it its settings and
// duty. A rebalance that fails is a warning: an error would taint the broker, and a
// tainted one is replaced.
func (r *brokerResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan brokerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	info, err := r.await(ctx, plan)
	if err != nil {
		r.inst.fail(&resp.Diagnostics, "Wait for "+plan.String(), err)
		return
	}
	plan.assertRack(info, &resp.Diagnostics)
	seen := r.assertDirs(ctx, plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.configure(ctx, plan, configChanges(nil, mapOf(plan.Config))); err != nil {
		r.inst.fail(&resp.Diagnostics, "Change the settings of "+plan.String(), err)
		return
	}
	was := brokerModel{State: types.StringValue(seen.duty)}
	if err := r.cordon(ctx, plan, was.State.ValueString()); err != nil {
		r.inst.fail(&resp.Diagnostics, "Change the state of "+plan.String(), err)
		return
	}
	plan.take(info)
	plan.Rebalanced = types.BoolValue(false)
	if plan.wantsShare() {
		if err := r.fill(ctx, plan); err != nil {
			resp.Diagnostics.AddWarning("Replicas were not moved to "+plan.String(), sentence(err)+" The broker is in the cluster; the next apply goes on.")
		} else {
			plan.Rebalanced = types.BoolValue(true)
		}
	}
	r.takeDuty(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// Read takes over what the cluster knows of the broker. One that is registered
// but down keeps the settings it had.
func (r *brokerResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state brokerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || r.inst.kafkaUnknown {
		return
	}
	info, registered, err := r.inst.collector.brokers.get(ctx, state.key())
	if err != nil {
		r.inst.failPlan(&resp.Diagnostics, "Read "+state.String(), err)
		return
	}
	if !registered {
		resp.State.RemoveResource(ctx)
		return
	}
	imported := state.Host.IsNull()
	state.take(info)
	if !info.fenced {
		config, _, err := r.inst.collector.brokerConfigs.get(ctx, state.key())
		if err != nil {
			r.inst.failPlan(&resp.Diagnostics, "Read the settings of "+state.String(), err)
			return
		}
		var diags diag.Diagnostics
		state.Config, diags = takeConfig(ctx, state.Config, brokerOverrides(config), imported)
		resp.Diagnostics.Append(diags...)
	}
	snapshot, err := r.inst.snapshot(ctx)
	switch {
	case denied(err):
		r.inst.warnUnchecked(&resp.Diagnostics, "The provider's principal may not look at replicas, so the duties of brokers are kept as the state has them: "+sentence(err))
	case err != nil:
		r.inst.failPlan(&resp.Diagnostics, "Read the replicas of "+state.String(), err)
		return
	default:
		resp.Diagnostics.Append(state.takeSnapshot(ctx, snapshot)...)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update writes the settings that changed and then changes the duty. The state
// follows step by step.
func (r *brokerResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state brokerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.configure(ctx, plan, configChanges(mapOf(state.Config), mapOf(plan.Config))); err != nil {
		r.inst.fail(&resp.Diagnostics, "Change the settings of "+plan.String(), err)
		return
	}
	state.Config = plan.Config
	if err := r.cordon(ctx, plan, state.State.ValueString()); err != nil {
		r.inst.fail(&resp.Diagnostics, "Change the state of "+plan.String(), err)
		resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
		return
	}
	if was := state.State; !plan.State.Equal(was) {
		state.State, state.Rebalanced = plan.State, types.BoolValue(false)
		if plan.State.ValueString() == brokerDrained { // it is once it is empty
			state.State = types.StringValue(brokerCordoned)
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	if err := r.move(ctx, plan, state); err != nil {
		r.inst.fail(&resp.Diagnostics, "Move the replicas of "+plan.String(), err)
		return
	}
	r.takeDuty(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// Delete unregisters a broker that is empty and stopped, or forgets it and, when
// it is up, withdraws its settings.
func (r *brokerResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state brokerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if state.OnDestroy.ValueString() != onDestroyAbandon {
		r.unregister(ctx, state, &resp.Diagnostics)
		return
	}
	if len(state.Config.Elements()) == 0 {
		return
	}
	info, registered, err := r.inst.collector.brokers.get(ctx, state.key())
	if err == nil && registered && !info.fenced {
		err = r.alter(ctx, state, configChanges(mapOf(state.Config), nil))
	}
	if err != nil {
		r.inst.fail(&resp.Diagnostics, "Withdraw the settings of "+state.String(), err)
	}
}

// ImportState takes a node id.
func (r *brokerResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	refuseImportUnknown(r.inst, &resp.Diagnostics)
	node, err := strconv.ParseInt(req.ID, 10, 32)
	if err != nil || node < 0 {
		resp.Diagnostics.AddError("Import a broker", fmt.Sprintf("The id must be the broker's node.id, not %q.", req.ID))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("node_id"), node)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("registration_timeout"), defaultRegistration)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("on_destroy"), onDestroyUnregister)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("rebalance"), false)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("rebalanced"), false)...)
}
