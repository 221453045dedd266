package main

import (
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kadm"
)

var (
	_ resource.ResourceWithConfigure      = (*quotaResource)(nil)
	_ resource.ResourceWithIdentity       = (*quotaResource)(nil)
	_ resource.ResourceWithImportState    = (*quotaResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*quotaResource)(nil)
	_ resource.ResourceWithValidateConfig = (*quotaResource)(nil)
)

type quotaResource struct {
	inst *instance
}

type quotaModel struct {
	Entity                 types.Object  `tfsdk:"entity"`
	ProducerByteRate       types.Int64   `tfsdk:"producer_byte_rate"`
	ConsumerByteRate       types.Int64   `tfsdk:"consumer_byte_rate"`
	RequestPercentage      types.Float64 `tfsdk:"request_percentage"`
	ControllerMutationRate types.Float64 `tfsdk:"controller_mutation_rate"`
	ConnectionCreationRate types.Int64   `tfsdk:"connection_creation_rate"`
}

func newQuotaResource() resource.Resource { return &quotaResource{} }

// Metadata names the type.
func (r *quotaResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_quota"
}

// Schema describes the type.
func (r *quotaResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	name := []validator.String{stringvalidator.LengthAtLeast(1)}
	rate := []validator.Int64{int64validator.AtLeast(1)}
	resp.Schema = schema.Schema{
		MarkdownDescription: "How much a user, a client id or an address may take of each broker.\n\n" +
			"All of Kafka's forms can be written: a user, a client id, a client id of a user, an address, and for each part the default (`\"<default>\"`). " +
			"Kafka takes the most specific one that fits. Only the limits given are owned; at least one must be.",
		Attributes: map[string]schema.Attribute{
			"entity": schema.SingleNestedAttribute{
				MarkdownDescription: "Whom the quota binds: `user`, `client_id`, both together, or `ip`.",
				Required:            true,
				PlanModifiers:       []planmodifier.Object{objectplanmodifier.RequiresReplace()},
				Attributes: map[string]schema.Attribute{
					"user": schema.StringAttribute{
						MarkdownDescription: "Name of a user (without `User:`), or `\"<default>\"` for users without a quota of their own.",
						Optional:            true, Validators: name,
					},
					"client_id": schema.StringAttribute{
						MarkdownDescription: "A client id, or `\"<default>\"` for client ids without a quota of their own.",
						Optional:            true, Validators: name,
					},
					"ip": schema.StringAttribute{
						MarkdownDescription: "An address, or `\"<default>\"` for addresses without a quota of their own.",
						Optional:            true, Validators: name,
					},
				},
			},
			"producer_byte_rate": schema.Int64Attribute{
				MarkdownDescription: "Bytes a second that may be produced to each broker.",
				Optional:            true, Validators: rate,
			},
			"consumer_byte_rate": schema.Int64Attribute{
				MarkdownDescription: "Bytes a second that may be fetched from each broker.",
				Optional:            true, Validators: rate,
			},
			"request_percentage": schema.Float64Attribute{
				MarkdownDescription: "Share of each broker's request threads, in percent of one thread: 200 is two threads.",
				Optional:            true, Validators: []validator.Float64{float64validator.AtLeast(0)},
			},
			"controller_mutation_rate": schema.Float64Attribute{
				MarkdownDescription: "Partitions a second that may be created or deleted.",
				Optional:            true, Validators: []validator.Float64{float64validator.AtLeast(0)},
			},
			"connection_creation_rate": schema.Int64Attribute{
				MarkdownDescription: "Connections a second that each broker accepts from the address. Only with `entity.ip`, which takes nothing else.",
				Optional:            true, Validators: []validator.Int64{int64validator.AtLeast(0)},
			},
		},
	}
}

// IdentitySchema describes what identifies a quota: its entity.
func (r *quotaResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = quotaIdentity.schema()
}

// Configure takes the provider's instance.
func (r *quotaResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Create sets the limits. Others that the entity has stay.
func (r *quotaResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan quotaModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	quotaIdentity.set(resp.Identity, plan.entity().parts()...)
	if err := r.alter(ctx, plan.entity(), quotaChanges(nil, plan.limits()), false); err != nil {
		r.inst.fail(&resp.Diagnostics, "Set "+plan.String(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// Read takes over the limits that are owned.
func (r *quotaResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state quotaModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	quotaIdentity.set(resp.Identity, state.entity().parts()...)
	if resp.Diagnostics.HasError() || r.inst.kafkaUnknown {
		return
	}
	found, _, err := r.inst.collector.quotas.get(ctx, state.entity().key())
	if err != nil {
		r.inst.failPlan(&resp.Diagnostics, "Read "+state.String(), err)
		return
	}
	state.take(found)
	if len(state.limits()) == 0 {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update sets the limits that changed and removes those left out, in one request.
func (r *quotaResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state quotaModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	quotaIdentity.set(resp.Identity, plan.entity().parts()...)
	if err := r.alter(ctx, plan.entity(), quotaChanges(state.limits(), plan.limits()), false); err != nil {
		r.inst.fail(&resp.Diagnostics, "Change "+plan.String(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// Delete removes the owned limits.
func (r *quotaResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state quotaModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.alter(ctx, state.entity(), quotaChanges(state.limits(), nil), false); err != nil {
		r.inst.fail(&resp.Diagnostics, "Delete "+state.String(), err)
	}
}

// ImportState takes an entity such as user=refine or user=<default>,client-id=web
// and owns all its limits.
func (r *quotaResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	refuseImportUnknown(r.inst, &resp.Diagnostics)
	id := req.ID
	if parts, ok := quotaIdentity.imported(ctx, req, resp); ok {
		id = quotaEntity{user: parts[0], clientID: parts[1], ip: parts[2]}.key()
	}
	entity, err := parseQuotaEntity(id)
	if err != nil {
		resp.Diagnostics.AddError("Import a quota", sentence(err))
		return
	}
	entity.each(func(kind, name string) {
		attribute := map[string]string{entityUser: "user", entityClientID: "client_id", entityIP: "ip"}[kind]
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("entity").AtName(attribute), name)...)
	})
}

// ValidateConfig refuses combinations that Kafka does not have.
func (r *quotaResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config quotaModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if !resp.Diagnostics.HasError() {
		config.check(&resp.Diagnostics)
	}
}

// ModifyPlan lets the brokers check what will be written.
func (r *quotaResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.inst == nil || req.Plan.Raw.IsNull() || req.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	if r.inst.kafkaUnknown {
		r.inst.warnUnchecked(&resp.Diagnostics, unknownKafka)
		return
	}
	var plan quotaModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() || !req.Plan.Raw.IsFullyKnown() {
		return
	}
	err := r.alter(ctx, plan.entity(), quotaChanges(nil, plan.limits()), true)
	r.inst.failDryRun(&resp.Diagnostics, "Plan "+plan.String(), err, func(err error) (path.Path, bool) {
		limit, ok := mentioned(err, maps.Keys(plan.limits()))
		return path.Root(limit), ok
	})
}

// alter writes, or only lets the brokers check, changes of one entity.
func (r *quotaResource) alter(ctx context.Context, entity quotaEntity, ops []kadm.AlterClientQuotaOp, validateOnly bool) error {
	if len(ops) == 0 {
		return nil
	}
	client, err := r.inst.connect(ctx)
	if err != nil {
		return err
	}
	call := client.AlterClientQuotas
	if validateOnly {
		call = client.ValidateAlterClientQuotas
	} else {
		defer r.inst.collector.quotas.invalidate(entity.key())
	}
	answers, err := call(ctx, []kadm.AlterClientQuotaEntry{{Entity: entity.components(), Ops: ops}})
	for _, answer := range answers {
		if answer.Err != nil {
			return needs(withMessage(answer.Err, answer.ErrMessage), "ALTER_CONFIGS", clusterType)
		}
	}
	return needs(err, "ALTER_CONFIGS", clusterType)
}

// check finds what no broker need be asked about.
func (m quotaModel) check(diags *diag.Diagnostics) {
	if m.Entity.IsUnknown() {
		return
	}
	entity, at := m.entity(), path.Root("entity")
	byAddress := m.has("ip")
	switch {
	case byAddress && (m.has("user") || m.has("client_id")):
		diags.AddAttributeError(at, "Invalid quota entity", "Kafka has no quota for an address together with a user or client id: write two quotas.")
	case !byAddress && !m.has("user") && !m.has("client_id"):
		diags.AddAttributeError(at, "Invalid quota entity", fmt.Sprintf("Give user, client_id, both, or ip; for a default write %q.", defaultEntity))
	}
	names := map[string]bool{
		"producer_byte_rate": m.ProducerByteRate.IsNull(), "consumer_byte_rate": m.ConsumerByteRate.IsNull(),
		"request_percentage": m.RequestPercentage.IsNull(), "controller_mutation_rate": m.ControllerMutationRate.IsNull(),
		"connection_creation_rate": m.ConnectionCreationRate.IsNull(),
	}
	given := 0
	for name, null := range names {
		if null {
			continue
		}
		given++
		if (name == "connection_creation_rate") != byAddress {
			diags.AddAttributeError(path.Root(name), "Limit does not fit the entity", fmt.Sprintf(
				"Kafka does not take %s for %q: addresses have connection_creation_rate only, and nothing else has it.", name, entity.key()))
		}
	}
	if given == 0 {
		diags.AddError("Quota without a limit", "Give at least one limit, such as producer_byte_rate, or remove the quota.")
	}
}
