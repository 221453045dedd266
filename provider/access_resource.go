package main

import (
	"context"
	"fmt"
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
	_ resource.ResourceWithConfigure      = (*accessResource)(nil)
	_ resource.ResourceWithImportState    = (*accessResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*accessResource)(nil)
	_ resource.ResourceWithValidateConfig = (*accessResource)(nil)
)

type accessResource struct {
	inst *instance
}

type accessModel struct {
	Principal        types.String `tfsdk:"principal"`
	Host             types.String `tfsdk:"host"`
	Role             types.String `tfsdk:"role"`
	Reads            types.Set    `tfsdk:"reads"`
	Writes           types.Set    `tfsdk:"writes"`
	Groups           types.Set    `tfsdk:"groups"`
	TransactionalIDs types.Set    `tfsdk:"transactional_ids"`
	ACLs             types.Set    `tfsdk:"acls"`
}

var accessCodec = newCodec[accessModel](newAccessResource)

func newAccessResource() resource.Resource { return &accessResource{} }

// Metadata names the type.
func (r *accessResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_access"
}

// Schema describes the type.
func (r *accessResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	list := func(text string) schema.SetAttribute {
		return schema.SetAttribute{
			MarkdownDescription: text + " An element is a name, the beginning of names with `*` behind it, or `*` alone for all.",
			ElementType:         types.StringType,
			Optional:            true,
			Validators: []validator.Set{
				setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.LengthAtLeast(1)),
			},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What a principal may do with Kafka, said as the role that it has. The role's ACLs stand in the plan, as `acls`, before anything is granted.\n\n" +
			"| role | reads | writes | groups | transactional_ids |\n| --- | --- | --- | --- | --- |\n" +
			"| `producer` | | needed | | |\n" +
			"| `transactional_producer` | | needed | | needed |\n" +
			"| `consumer` | needed | | may have | |\n" +
			"| `processor` (reads, works, writes in transactions) | needed | needed | needed | needed |\n\n" +
			"`READ` and `DESCRIBE` are granted on each topic in `reads` and each group, `WRITE` and `DESCRIBE` on each topic in `writes` and each transactional id. " +
			"A topic in both lists, such as a processor's state, gets all three.\n\n" +
			"The resource owns exactly these ACLs, alone: others of the same principal are neither shown nor touched, and one that another resource of the " +
			"configuration declares too is refused. An ACL may move here from a `headwater_acl` in one apply without ever being gone.",
		Attributes: map[string]schema.Attribute{
			"principal": schema.StringAttribute{
				MarkdownDescription: "Who, as type and name: `User:refine`.",
				Required:            true,
				PlanModifiers:       replace,
				Validators:          []validator.String{stringvalidator.RegexMatches(principalForm, "a principal is a type and a name, such as User:refine")},
			},
			"host": schema.StringAttribute{
				MarkdownDescription: "Address the principal must come from; `*` (the default) for any.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(anyHost),
				PlanModifiers:       replace,
			},
			"role": schema.StringAttribute{
				MarkdownDescription: "`producer`, `transactional_producer`, `consumer` or `processor`.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.OneOf(roleProducer, roleTransactional, roleConsumer, roleProcessor)},
			},
			"reads":             list("Topics that are read."),
			"writes":            list("Topics that are written."),
			"groups":            list("Consumer groups that the principal joins or commits offsets for."),
			"transactional_ids": list("Transactional ids that the principal writes under."),
			"acls": schema.SetAttribute{
				MarkdownDescription: "The ACLs that the role comes to, one element a resource; each allows `operations` to `principal` from `host`.",
				ElementType:         aclObject,
				Computed:            true,
			},
		},
	}
}

// Configure takes the provider's instance.
func (r *accessResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Create grants the role's ACLs in one request. What existed already is taken over.
func (r *accessResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan accessModel
	resp.Diagnostics.Append(accessCodec.get(ctx, req.Plan.Raw, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	entries := plan.expand()
	if err := r.inst.grantACLs(ctx, entries); err != nil {
		r.inst.fail(&resp.Diagnostics, "Create "+plan.String(), err)
		return
	}
	plan.show(ctx, entries, &resp.Diagnostics)
	resp.Diagnostics.Append(accessCodec.set(ctx, &resp.State.Raw, plan)...)
}

// Read keeps those of the owned ACLs that the cluster still has.
func (r *accessResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state accessModel
	resp.Diagnostics.Append(accessCodec.get(ctx, req.State.Raw, &state)...)
	if resp.Diagnostics.HasError() || r.inst.kafkaUnknown {
		return
	}
	if state.ACLs.IsNull() { // imported: the principal's own ACLs say what the lists are
		all, err := r.inst.collector.acls.peek(ctx)
		if err != nil {
			r.inst.failPlan(&resp.Diagnostics, "Read "+state.String(), err)
			return
		}
		state.derive(ctx, entriesAbout(all), &resp.Diagnostics)
	}
	var have []aclEntry
	for _, entry := range unique(slices.Concat(state.expand(), state.shown(ctx, &resp.Diagnostics))) {
		found, _, err := r.inst.collector.acls.get(ctx, entry.pattern.key())
		if err != nil {
			r.inst.failPlan(&resp.Diagnostics, "Read "+state.String(), err)
			return
		}
		if slices.Contains(found, entry) {
			have = append(have, entry)
		}
	}
	if len(have) == 0 {
		resp.State.RemoveResource(ctx)
		return
	}
	state.show(ctx, have, &resp.Diagnostics)
	resp.Diagnostics.Append(accessCodec.set(ctx, &resp.State.Raw, state)...)
}

// Update grants first and revokes then, so that nobody is locked out in between.
func (r *accessResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state accessModel
	resp.Diagnostics.Append(accessCodec.get(ctx, req.Plan.Raw, &plan)...)
	resp.Diagnostics.Append(accessCodec.get(ctx, req.State.Raw, &state)...)
	have, want := state.shown(ctx, &resp.Diagnostics), plan.expand()
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.inst.grantACLs(ctx, without(want, have)); err != nil {
		r.inst.fail(&resp.Diagnostics, "Change "+plan.String(), err)
		return
	}
	state.show(ctx, unique(slices.Concat(have, want)), &resp.Diagnostics)
	resp.Diagnostics.Append(accessCodec.set(ctx, &resp.State.Raw, state)...)
	if err := r.inst.revokeACLs(ctx, without(have, want)); err != nil {
		r.inst.fail(&resp.Diagnostics, "Change "+plan.String(), err)
		return
	}
	plan.show(ctx, want, &resp.Diagnostics)
	resp.Diagnostics.Append(accessCodec.set(ctx, &resp.State.Raw, plan)...)
}

// Delete revokes the owned ACLs in one request.
func (r *accessResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state accessModel
	resp.Diagnostics.Append(accessCodec.get(ctx, req.State.Raw, &state)...)
	entries := state.shown(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.inst.revokeACLs(ctx, entries); err != nil {
		r.inst.fail(&resp.Diagnostics, "Delete "+state.String(), err)
	}
}

// ImportState takes role|principal or role|principal|host and owns all ACLs of
// the principal that fit the role.
func (r *accessResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	refuseImportUnknown(r.inst, &resp.Diagnostics)
	parts := strings.Split(req.ID, "|")
	if len(parts) == 2 {
		parts = append(parts, anyHost)
	}
	roles := []string{roleProducer, roleTransactional, roleConsumer, roleProcessor}
	if len(parts) != 3 || !slices.Contains(roles, parts[0]) || !principalForm.MatchString(parts[1]) || parts[2] == "" {
		resp.Diagnostics.AddError("Import access", fmt.Sprintf(
			"The id %q must be role|principal or role|principal|host, such as processor|User:refine, with one of the roles %s.",
			req.ID, strings.Join(roles, ", ")))
		return
	}
	for i, name := range []string{"role", "principal", "host"} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), parts[i])...)
	}
}

// ValidateConfig holds the lists against the role.
func (r *accessResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config accessModel
	resp.Diagnostics.Append(accessCodec.get(ctx, req.Config.Raw, &config)...)
	role := config.Role.ValueString()
	if resp.Diagnostics.HasError() || config.Role.IsUnknown() {
		return
	}
	for _, l := range accessLists {
		switch given := !config.list(l).IsNull(); {
		case given && !l.of(role):
			resp.Diagnostics.AddAttributeError(path.Root(l.attribute), "List does not fit the role",
				fmt.Sprintf("A %s has no %s: leave the list out, or take another role.", role, l.attribute))
		case !given && slices.Contains(l.needed, role):
			resp.Diagnostics.AddAttributeError(path.Root("role"), "Missing list", fmt.Sprintf("A %s needs %s.", role, l.attribute))
		}
	}
}

// ModifyPlan shows the role's ACLs and refuses what somebody else owns.
func (r *accessResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var plan accessModel
	if req.Plan.Raw.IsNull() {
		return // no role is about the cluster, so its loss locks nobody out
	}
	resp.Diagnostics.Append(accessCodec.get(ctx, req.Plan.Raw, &plan)...)
	if resp.Diagnostics.HasError() || !plan.known() {
		return
	}
	plan.show(ctx, plan.expand(), &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("acls"), plan.ACLs)...)
	r.announce(&resp.Diagnostics, plan, req.State.Raw.IsNull(), len(resp.RequiresReplace) > 0)
}

// announce claims the ACLs for this resource, unless it is planned once more as a
// replacement.
func (r *accessResource) announce(diags *diag.Diagnostics, plan accessModel, create, replaced bool) {
	if r.inst == nil {
		return
	}
	if r.inst.kafkaUnknown {
		r.inst.warnUnchecked(diags, unknownKafka)
	}
	if !replaced {
		r.inst.claims.claim(diags, plan.String(), plan.claimant(create), plan.expand())
	}
}
