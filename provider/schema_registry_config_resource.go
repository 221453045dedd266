package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	_ resource.ResourceWithConfigure        = (*registryConfigResource)(nil)
	_ resource.ResourceWithConfigValidators = (*registryConfigResource)(nil)
	_ resource.ResourceWithImportState      = (*registryConfigResource)(nil)
	_ resource.ResourceWithModifyPlan       = (*registryConfigResource)(nil)
)

type registryConfigResource struct {
	inst *instance
}

type registryConfigModel struct {
	CompatibilityLevel types.String `tfsdk:"compatibility_level"`
	Mode               types.String `tfsdk:"mode"`
}

func (m registryConfigModel) settings() registryConfig {
	return registryConfig{m.CompatibilityLevel, m.Mode}
}

func (m *registryConfigModel) take(c registryConfig) { m.CompatibilityLevel, m.Mode = c.level, c.mode }

func newRegistryConfigResource() resource.Resource { return &registryConfigResource{} }

// Metadata names the type.
func (r *registryConfigResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_schema_registry_config"
}

// Schema describes the type.
func (r *registryConfigResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The registry's own compatibility level and mode, which hold for every subject without its own. Declare it once, where the platform is declared.\n\n" +
			"A registry always has both, so destroying this resource leaves them as they are.",
		Attributes: map[string]schema.Attribute{
			"compatibility_level": levelAttribute("It is not touched when left out."),
			"mode":                modeAttribute("It is not touched when left out."),
		},
	}
}

// ConfigValidators asks for at least one setting.
func (r *registryConfigResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{resourcevalidator.AtLeastOneOf(path.MatchRoot("compatibility_level"), path.MatchRoot("mode"))}
}

// Configure takes the provider's instance.
func (r *registryConfigResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Create sets what is given.
func (r *registryConfigResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan registryConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	written := r.inst.writeConfig(ctx, "", registryConfig{}, plan.settings(), &resp.Diagnostics)
	if written != (registryConfig{}) {
		plan.take(written)
		resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	}
}

// Read takes over the owned settings.
func (r *registryConfigResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state registryConfigModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || r.inst.registryUnknown {
		return
	}
	found, err := r.inst.schemaRegistry.readConfig(ctx, "", state.settings())
	if err != nil {
		r.inst.failRegistry(&resp.Diagnostics, "Read the settings of the schema registry", err, true)
		return
	}
	state.take(found)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update sets what changed.
func (r *registryConfigResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state registryConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	state.take(r.inst.writeConfig(ctx, "", state.settings(), plan.settings(), &resp.Diagnostics))
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Delete forgets the settings: a registry always has them.
func (r *registryConfigResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {
}

// ModifyPlan refuses what the registry cannot do.
func (r *registryConfigResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.inst == nil || req.Plan.Raw.IsNull() || req.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	var plan, state registryConfigModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if !resp.Diagnostics.HasError() {
		r.inst.planConfig(ctx, types.StringNull(), state.settings(), plan.settings(), &resp.Diagnostics)
	}
}

// ImportState imports the registry's settings; any id will do.
func (r *registryConfigResource) ImportState(ctx context.Context, _ resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if r.inst.registryUnknown {
		resp.Diagnostics.AddError("Import needs the schema registry", "Its address is known only after apply. Apply what it comes from first, then import.")
		return
	}
	found, err := r.inst.schemaRegistry.readConfig(ctx, "", registryConfig{types.StringValue(""), types.StringValue("")})
	if err != nil {
		r.inst.failRegistry(&resp.Diagnostics, "Import the settings of the schema registry", err, false)
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("compatibility_level"), found.level)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("mode"), found.mode)...)
}
