package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	_ resource.ResourceWithConfigure        = (*subjectConfigResource)(nil)
	_ resource.ResourceWithConfigValidators = (*subjectConfigResource)(nil)
	_ resource.ResourceWithImportState      = (*subjectConfigResource)(nil)
	_ resource.ResourceWithModifyPlan       = (*subjectConfigResource)(nil)
)

type subjectConfigResource struct {
	inst *instance
}

type subjectConfigModel struct {
	Subject            types.String `tfsdk:"subject"`
	CompatibilityLevel types.String `tfsdk:"compatibility_level"`
	Mode               types.String `tfsdk:"mode"`
}

func (m subjectConfigModel) settings() registryConfig {
	return registryConfig{m.CompatibilityLevel, m.Mode}
}

func (m *subjectConfigModel) take(c registryConfig) { m.CompatibilityLevel, m.Mode = c.level, c.mode }

func newSubjectConfigResource() resource.Resource { return &subjectConfigResource{} }

// Metadata names the type.
func (r *subjectConfigResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_schema_subject_config"
}

// Schema describes the type.
func (r *subjectConfigResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The compatibility level and the mode of a subject whose schemas somebody else registers.\n\n" +
			"Where one configuration owns both, give `compatibility_level` in `headwater_schema_subject` and leave this resource out: " +
			"two owners of one level take it from each other.",
		Attributes: map[string]schema.Attribute{
			"subject": schema.StringAttribute{
				MarkdownDescription: "Name of the subject. It need not exist yet.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"compatibility_level": levelAttribute("The registry's global level holds when it is left out."),
			"mode":                modeAttribute("The registry's global mode holds when it is left out."),
		},
	}
}

// ConfigValidators asks for at least one setting.
func (r *subjectConfigResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{resourcevalidator.AtLeastOneOf(path.MatchRoot("compatibility_level"), path.MatchRoot("mode"))}
}

// Configure takes the provider's instance.
func (r *subjectConfigResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Create sets what is given.
func (r *subjectConfigResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan subjectConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	written := r.inst.writeConfig(ctx, plan.Subject.ValueString(), registryConfig{}, plan.settings(), &resp.Diagnostics)
	if written != (registryConfig{}) {
		plan.take(written)
		resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	}
}

// Read takes over the owned settings. When none is left, the resource leaves the
// state and is planned anew.
func (r *subjectConfigResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state subjectConfigModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || r.inst.registryUnknown {
		return
	}
	wanted := state.settings()
	if wanted.level.IsNull() && wanted.mode.IsNull() { // just imported
		wanted = registryConfig{types.StringValue(""), types.StringValue("")}
	}
	found, err := r.inst.schemaRegistry.readConfig(ctx, state.Subject.ValueString(), wanted)
	if err != nil {
		r.inst.failRegistry(&resp.Diagnostics, "Read the settings of "+configured(state.Subject.ValueString()), err, true)
		return
	}
	if found.level.IsNull() && found.mode.IsNull() {
		resp.State.RemoveResource(ctx)
		return
	}
	state.take(found)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update sets what changed.
func (r *subjectConfigResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state subjectConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	state.take(r.inst.writeConfig(ctx, plan.Subject.ValueString(), state.settings(), plan.settings(), &resp.Diagnostics))
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Delete has the registry's settings hold again.
func (r *subjectConfigResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state subjectConfigModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !resp.Diagnostics.HasError() {
		r.inst.writeConfig(ctx, state.Subject.ValueString(), state.settings(), registryConfig{}, &resp.Diagnostics)
	}
}

// ModifyPlan refuses what the registry cannot do.
func (r *subjectConfigResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.inst == nil || req.Plan.Raw.IsNull() || req.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	var plan, state subjectConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if !resp.Diagnostics.HasError() {
		r.inst.planConfig(ctx, plan.Subject, state.settings(), plan.settings(), &resp.Diagnostics)
	}
}

// ImportState imports by subject.
func (r *subjectConfigResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resource.ImportStatePassthroughID(ctx, path.Root("subject"), req, resp)
}
