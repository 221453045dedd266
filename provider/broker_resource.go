package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kadm"
)

var (
	_ resource.ResourceWithConfigure      = (*brokerResource)(nil)
	_ resource.ResourceWithImportState    = (*brokerResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*brokerResource)(nil)
	_ resource.ResourceWithValidateConfig = (*brokerResource)(nil)
)

// defaultRegistration is how long a broker may take to register.
const defaultRegistration = "5m"

type brokerResource struct {
	inst *instance
}

type brokerModel struct {
	NodeID              types.Int64  `tfsdk:"node_id"`
	Rack                types.String `tfsdk:"rack"`
	Config              types.Map    `tfsdk:"config"`
	RegistrationTimeout types.String `tfsdk:"registration_timeout"`
	Host                types.String `tfsdk:"host"`
	Port                types.Int64  `tfsdk:"port"`
}

func newBrokerResource() resource.Resource { return &brokerResource{} }

// Metadata names the type.
func (r *brokerResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_broker"
}

// Schema describes the type.
func (r *brokerResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A broker's membership of the cluster. The machine and its process belong to other resources; this one waits until the broker has registered, " +
			"asserts its rack and owns its dynamic settings.\n\n" +
			"Destroying it withdraws those settings and forgets the broker. It neither stops it nor moves its replicas nor unregisters it.",
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
		},
	}
}

// Configure takes the provider's instance.
func (r *brokerResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Create waits for the broker, asserts its rack and writes its settings.
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
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.alter(ctx, plan, configChanges(nil, mapOf(plan.Config))); err != nil {
		r.inst.fail(&resp.Diagnostics, "Change the settings of "+plan.String(), err)
		return
	}
	plan.take(info)
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
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update writes the settings that changed.
func (r *brokerResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state brokerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.alter(ctx, plan, configChanges(mapOf(state.Config), mapOf(plan.Config))); err != nil {
		r.inst.fail(&resp.Diagnostics, "Change the settings of "+plan.String(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// Delete withdraws the settings from a broker that is up and forgets it.
func (r *brokerResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state brokerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || len(state.Config.Elements()) == 0 {
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

// ModifyPlan asserts the rack and lets the broker check its settings. A broker to
// be added need not be there yet, nor any other.
func (r *brokerResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.inst == nil || req.Plan.Raw.IsNull() || req.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	if r.inst.kafkaUnknown {
		r.inst.warnUnchecked(&resp.Diagnostics, unknownKafka)
		return
	}
	var plan, state brokerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if adding := req.State.Raw.IsNull(); !adding {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if resp.Diagnostics.HasError() || plan.NodeID.IsUnknown() {
		return
	}
	info, registered, err := r.inst.collector.brokers.get(ctx, plan.key())
	if err != nil || !registered || info.fenced {
		return // to be added, or down: the apply waits for it
	}
	plan.assertRack(info, &resp.Diagnostics)
	changes := configChanges(mapOf(state.Config), mapOf(plan.Config))
	if len(changes) == 0 || resp.Diagnostics.HasError() {
		return
	}
	client, err := r.inst.connect(ctx)
	if err == nil {
		err = alterError(client.ValidateAlterBrokerConfigs(ctx, changes, int32(plan.NodeID.ValueInt64())))
	}
	switch {
	case denied(err):
		r.inst.warnUnchecked(&resp.Diagnostics, "The provider's principal may not change brokers, so they could not check the plan of their settings: "+sentence(err))
	case err != nil:
		r.inst.failPlan(&resp.Diagnostics, "Plan the settings of "+plan.String(), err)
	}
}

// await polls until the broker is registered and up. Brokers that do not answer
// yet are part of the wait.
func (r *brokerResource) await(ctx context.Context, plan brokerModel) (brokerInfo, error) {
	ms, err := parseDuration(plan.RegistrationTimeout.ValueString())
	if err != nil {
		return brokerInfo{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
	defer cancel()
	missing := "none has answered"
	for {
		all, err := loadBrokers(r.inst.connect)(ctx)
		if info, ok := all[plan.key()]; ok && !info.fenced {
			return info, nil
		}
		if err == nil {
			missing = "registered are " + strings.Join(slices.Sorted(maps.Keys(all)), ", ")
		} else if ctx.Err() == nil {
			missing = cause(err)
		}
		select {
		case <-ctx.Done():
			return brokerInfo{}, fmt.Errorf("it did not register within %s (%s): look at the broker's log, or raise registration_timeout",
				plan.RegistrationTimeout.ValueString(), missing)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (r *brokerResource) alter(ctx context.Context, m brokerModel, changes []kadm.AlterConfig) error {
	if len(changes) == 0 {
		return nil
	}
	defer r.inst.collector.brokerConfigs.invalidate(m.key())
	client, err := r.inst.connect(ctx)
	if err != nil {
		return err
	}
	return alterError(client.AlterBrokerConfigs(ctx, changes, int32(m.NodeID.ValueInt64())))
}
