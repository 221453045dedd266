package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	_ resource.ResourceWithConfigure      = (*aclResource)(nil)
	_ resource.ResourceWithIdentity       = (*aclResource)(nil)
	_ resource.ResourceWithImportState    = (*aclResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*aclResource)(nil)
	_ resource.ResourceWithValidateConfig = (*aclResource)(nil)
)

type aclResource struct {
	inst *instance
}

type aclModel struct {
	Principal      types.String `tfsdk:"principal"`
	Host           types.String `tfsdk:"host"`
	Operations     types.Set    `tfsdk:"operations"`
	PermissionType types.String `tfsdk:"permission_type"`
	ResourceType   types.String `tfsdk:"resource_type"`
	ResourceName   types.String `tfsdk:"resource_name"`
	PatternType    types.String `tfsdk:"pattern_type"`
}

// aclOperations are the operations that Apache Kafka 4.3.1 takes for each type of
// resource, read out of AclEntry in its server jar; ALL goes with every type.
var aclOperations = map[string][]string{
	"TOPIC":            {"ALTER", "ALTER_CONFIGS", "CREATE", "DELETE", "DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE"},
	"GROUP":            {"ALTER_CONFIGS", "DELETE", "DESCRIBE", "DESCRIBE_CONFIGS", "READ"},
	"CLUSTER":          {"ALTER", "ALTER_CONFIGS", "CLUSTER_ACTION", "CREATE", "DESCRIBE", "DESCRIBE_CONFIGS", "IDEMPOTENT_WRITE"},
	"TRANSACTIONAL_ID": {"DESCRIBE", "WRITE"},
	"DELEGATION_TOKEN": {"DESCRIBE"},
	"USER":             {"CREATE_TOKENS", "DESCRIBE_TOKENS"},
}

const (
	allOperations = "ALL"
	clusterType   = "CLUSTER"
	clusterName   = "kafka-cluster" // Kafka's name for the only cluster there is
)

// principalForm is a principal as Kafka writes it.
var principalForm = regexp.MustCompile(`^[A-Za-z]+:.+$`)

var aclCodec = newCodec[aclModel](newACLResource)

func newACLResource() resource.Resource { return &aclResource{} }

// Metadata names the type.
func (r *aclResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_acl"
}

// Schema describes the type.
func (r *aclResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What a principal may do with a Kafka resource: a set of operations, granted in one request.\n\n" +
			"Only the operations in the set are owned. Others that the same principal has on the same resource are neither shown nor removed, " +
			"so that two declarations may grant different operations. Do not grant the same operation twice: removing one removes both.\n\n" +
			"A change that would take from the provider's own principal what it needs to change ACLs, `ALTER` and `DESCRIBE` on the `CLUSTER`, is refused: " +
			"in the plan, and by the ACLs of that moment before it is written. Super users lose nothing by ACLs; whoever logs in with a token is not known to the provider.",
		Attributes: map[string]schema.Attribute{
			"principal": schema.StringAttribute{
				MarkdownDescription: "Who, as type and name: `User:refine`, or `User:*` for everyone.",
				Required:            true,
				PlanModifiers:       replace,
				Validators:          []validator.String{stringvalidator.RegexMatches(principalForm, "a principal is a type and a name, such as User:refine")},
			},
			"host": schema.StringAttribute{
				MarkdownDescription: "Address the principal must come from; `*` (the default) for any.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString("*"),
				PlanModifiers:       replace,
			},
			"operations": schema.SetAttribute{
				MarkdownDescription: "Operations, in Kafka's spelling. Of a `TOPIC`: `READ`, `WRITE`, `CREATE`, `DELETE`, `ALTER`, `DESCRIBE`, `DESCRIBE_CONFIGS`, " +
					"`ALTER_CONFIGS`; of a `GROUP`: `READ`, `DELETE`, `DESCRIBE`, `DESCRIBE_CONFIGS`, `ALTER_CONFIGS`; of a `TRANSACTIONAL_ID`: `WRITE`, `DESCRIBE`; " +
					"of the `CLUSTER`: `CREATE`, `ALTER`, `DESCRIBE`, `CLUSTER_ACTION`, `DESCRIBE_CONFIGS`, `ALTER_CONFIGS`, `IDEMPOTENT_WRITE`; `ALL` of each.",
				ElementType: types.StringType,
				Required:    true,
				Validators:  []validator.Set{setvalidator.SizeAtLeast(1)},
			},
			"permission_type": schema.StringAttribute{
				MarkdownDescription: "`ALLOW` (the default) or `DENY`, which wins over every `ALLOW`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString("ALLOW"),
				PlanModifiers:       replace,
				Validators:          []validator.String{stringvalidator.OneOf("ALLOW", "DENY")},
			},
			"resource_type": schema.StringAttribute{
				MarkdownDescription: "`TOPIC`, `GROUP`, `TRANSACTIONAL_ID`, `CLUSTER`, `DELEGATION_TOKEN` or `USER`.",
				Required:            true,
				PlanModifiers:       replace,
				Validators:          []validator.String{stringvalidator.OneOf("TOPIC", "GROUP", "TRANSACTIONAL_ID", "CLUSTER", "DELEGATION_TOKEN", "USER")},
			},
			"resource_name": schema.StringAttribute{
				MarkdownDescription: "Name of the resource, or its beginning when `pattern_type` is `PREFIXED`; `*` for all. Leave it out for the `CLUSTER`, which has one name only.",
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"pattern_type": schema.StringAttribute{
				MarkdownDescription: "How `resource_name` is compared: `LITERAL` (the default) or `PREFIXED`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString("LITERAL"),
				PlanModifiers:       replace,
				Validators:          []validator.String{stringvalidator.OneOf("LITERAL", "PREFIXED")},
			},
		},
	}
}

// IdentitySchema describes what identifies an ACL: all but its operations.
func (r *aclResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = aclIdentity.schema()
}

// Configure takes the provider's instance.
func (r *aclResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Create grants the operations in one request. What existed already is taken over.
func (r *aclResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan aclModel
	resp.Diagnostics.Append(aclCodec.get(ctx, req.Plan.Raw, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	aclIdentity.set(resp.Identity, plan.identity()...)
	if err := r.inst.grantACLs(ctx, plan.entries(plan.operations())); err != nil {
		r.inst.fail(&resp.Diagnostics, "Create "+plan.String(), err)
		return
	}
	resp.State.Raw = req.Plan.Raw // nothing is left for Kafka to fill in
}

// Read keeps those of the owned operations that the cluster still has.
func (r *aclResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state aclModel
	resp.Diagnostics.Append(aclCodec.get(ctx, req.State.Raw, &state)...)
	aclIdentity.set(resp.Identity, state.identity()...)
	if resp.Diagnostics.HasError() || r.inst.kafkaUnknown {
		return
	}
	acls, _, err := r.inst.collector.acls.get(ctx, state.pattern().key())
	if err != nil {
		r.inst.failPlan(&resp.Diagnostics, "Read "+state.String(), err)
		return
	}
	owned := state.operations()
	var have []string
	for _, acl := range acls {
		operation := acl.operation.String()
		mine := acl.principal == state.Principal.ValueString() && acl.host == state.Host.ValueString() &&
			acl.permission.String() == state.PermissionType.ValueString()
		if mine && (owned == nil || slices.Contains(owned, operation)) {
			have = append(have, operation)
		}
	}
	switch len(have) {
	case 0:
		resp.State.RemoveResource(ctx)
		return
	case len(owned):
		return // as the state has it
	}
	set, diags := types.SetValueFrom(ctx, types.StringType, have)
	state.Operations = set
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(aclCodec.set(ctx, &resp.State.Raw, state)...)
}

// Update grants first and revokes then, so that nobody is locked out in between.
func (r *aclResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state aclModel
	resp.Diagnostics.Append(aclCodec.get(ctx, req.Plan.Raw, &plan)...)
	resp.Diagnostics.Append(aclCodec.get(ctx, req.State.Raw, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	aclIdentity.set(resp.Identity, plan.identity()...)
	have, want := state.operations(), plan.operations()
	if err := r.inst.grantACLs(ctx, plan.entries(without(want, have))); err != nil {
		r.inst.fail(&resp.Diagnostics, "Change "+plan.String(), err)
		return
	}
	both, diags := types.SetValueFrom(ctx, types.StringType, append(without(have, want), want...))
	state.Operations = both
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(aclCodec.set(ctx, &resp.State.Raw, state)...)
	if err := r.inst.revokeACLs(ctx, plan.entries(without(have, want))); err != nil {
		r.inst.fail(&resp.Diagnostics, "Change "+plan.String(), err)
		return
	}
	resp.State.Raw = req.Plan.Raw
}

// Delete revokes the operations in one request.
func (r *aclResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state aclModel
	resp.Diagnostics.Append(aclCodec.get(ctx, req.State.Raw, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.inst.revokeACLs(ctx, state.entries(state.operations())); err != nil {
		r.inst.fail(&resp.Diagnostics, "Delete "+state.String(), err)
	}
}

// ImportState takes principal|host|permission|resource type|pattern type|name and
// owns all operations that it finds.
func (r *aclResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	refuseImportUnknown(r.inst, &resp.Diagnostics)
	parts, byIdentity := aclIdentity.imported(ctx, req, resp)
	if !byIdentity {
		parts = strings.SplitN(req.ID, "|", len(aclIdentity))
	}
	if len(parts) != len(aclIdentity) {
		resp.Diagnostics.AddError("Import an ACL", fmt.Sprintf(
			"The id %q must be principal|host|permission_type|resource_type|pattern_type|resource_name, such as "+
				"User:refine|*|ALLOW|TOPIC|LITERAL|raw.checkout.order-placed.", req.ID))
		return
	}
	for i, part := range aclIdentity {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(part.name), parts[i])...)
	}
}

// ValidateConfig holds the operations against the type of the resource.
func (r *aclResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config aclModel
	resp.Diagnostics.Append(aclCodec.get(ctx, req.Config.Raw, &config)...)
	if resp.Diagnostics.HasError() || config.ResourceType.IsUnknown() {
		return
	}
	kind, name := config.ResourceType.ValueString(), config.ResourceName
	known := append([]string{allOperations}, aclOperations[kind]...)
	for _, operation := range config.operations() {
		if aclOperations[kind] != nil && !slices.Contains(known, operation) {
			resp.Diagnostics.AddAttributeError(path.Root("operations"), "Unknown operation", fmt.Sprintf(
				"%q is not an operation on a %s%s. Kafka has %s.", operation, kind, didYouMean(operation, known), strings.Join(known, ", ")))
		}
	}
	switch {
	case kind == clusterType && !name.IsNull() && !name.IsUnknown() && name.ValueString() != clusterName:
		resp.Diagnostics.AddAttributeError(path.Root("resource_name"), "Invalid name of the cluster",
			fmt.Sprintf("Kafka calls every cluster %q: leave resource_name out.", clusterName))
	case kind != clusterType && name.IsNull():
		resp.Diagnostics.AddAttributeError(path.Root("resource_name"), "Missing resource name",
			fmt.Sprintf("An ACL on a %s needs resource_name; write \"*\" for all.", kind))
	}
}

// ModifyPlan fills in the cluster's name and refuses what would lock the provider
// out or belongs to a headwater_access.
func (r *aclResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var plan, state aclModel
	destroy := req.Plan.Raw.IsNull()
	if !destroy {
		resp.Diagnostics.Append(aclCodec.get(ctx, req.Plan.Raw, &plan)...)
		if plan.ResourceType.ValueString() == clusterType && plan.ResourceName.IsUnknown() {
			plan.ResourceName = types.StringValue(clusterName)
			resp.Diagnostics.Append(aclCodec.set(ctx, &resp.Plan.Raw, plan)...)
		}
	}
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(aclCodec.get(ctx, req.State.Raw, &state)...)
	}
	switch {
	case resp.Diagnostics.HasError() || r.inst == nil:
	case r.inst.kafkaUnknown:
		if !destroy {
			r.inst.warnUnchecked(&resp.Diagnostics, unknownKafka)
		}
	case destroy:
		r.inst.guard.plan(ctx, &resp.Diagnostics, "Delete "+state.String(), nil, state.entries(state.operations()))
	case resp.Plan.Raw.IsFullyKnown():
		r.check(ctx, &resp.Diagnostics, plan, state, len(resp.RequiresReplace) > 0)
	}
}

// check holds the plan against the plans of others and the provider's own rights.
func (r *aclResource) check(ctx context.Context, diags *diag.Diagnostics, plan, state aclModel, replaced bool) {
	if !replaced {
		r.inst.claims.claim(diags, plan.String(), claimant{}, plan.entries(plan.operations()))
	}
	grant, revoke := plan.planned(state, replaced)
	r.inst.guard.plan(ctx, diags, "Plan "+plan.String(), grant, revoke)
}
