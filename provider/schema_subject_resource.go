package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/sr"

	schemas "headwater.internal/platform/internal/schema"
)

var (
	_ resource.ResourceWithConfigure   = (*subjectResource)(nil)
	_ resource.ResourceWithIdentity    = (*subjectResource)(nil)
	_ resource.ResourceWithImportState = (*subjectResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*subjectResource)(nil)
)

type subjectResource struct {
	inst *instance
}

type subjectModel struct {
	Subject            types.String     `tfsdk:"subject"`
	SchemaType         types.String     `tfsdk:"schema_type"`
	Schema             types.String     `tfsdk:"schema"`
	References         []referenceModel `tfsdk:"references"`
	CompatibilityLevel types.String     `tfsdk:"compatibility_level"`
	DeletionProtection types.Bool       `tfsdk:"deletion_protection"`
	HardDelete         types.Bool       `tfsdk:"hard_delete"`
	SchemaID           types.Int64      `tfsdk:"schema_id"`
	Version            types.Int64      `tfsdk:"version"`
}

type referenceModel struct {
	Name    types.String `tfsdk:"name"`
	Subject types.String `tfsdk:"subject"`
	Version types.Int64  `tfsdk:"version"`
}

var subjectCodec = newCodec[subjectModel](newSubjectResource)

func newSubjectResource() resource.Resource { return &subjectResource{} }

// Metadata names the type.
func (r *subjectResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_schema_subject"
}

// Schema describes the type.
func (r *subjectResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A subject of the schema registry and its latest schema.\n\n" +
			"Whether a new schema may follow the earlier ones is decided in the plan, with the rule that it breaks, and once more in apply. " +
			"White space and the order of members are no difference. Going back to an older schema registers it again as the newest version, " +
			"with a warning in the plan.\n\n" +
			"The rules of Avro are checked by the provider itself; Protobuf and JSON schemas, and whatever else the registry demands, by the registry, which is asked in the plan. " +
			"The embedded registry takes those two at `compatibility_level = \"NONE\"` only, since it cannot check their changes. In Apicurio a subject's `NONE` means no level of its own, " +
			"so that the registry's global level holds: the plan warns where that differs.",
		Attributes: map[string]schema.Attribute{
			"subject": schema.StringAttribute{
				MarkdownDescription: "Name of the subject, by convention `<topic>-value` or `<topic>-key`.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"schema_type": schema.StringAttribute{
				MarkdownDescription: "`AVRO` (the default), `PROTOBUF` or `JSON`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(sr.TypeAvro.String()),
				Validators:          []validator.String{stringvalidator.OneOf(sr.TypeAvro.String(), sr.TypeProtobuf.String(), sr.TypeJSON.String())},
			},
			"schema": schema.StringAttribute{
				MarkdownDescription: "The schema's text, usually `file(\"order_placed.avsc\")`.",
				Required:            true,
			},
			"references": schema.ListNestedAttribute{
				MarkdownDescription: "Schemas of other subjects that this one names. Take `version` from the other resource's `version`, " +
					"so that both can change in one plan.",
				Optional:     true,
				NestedObject: schema.NestedAttributeObject{Attributes: referenceAttributes()},
			},
			"compatibility_level": schema.StringAttribute{
				MarkdownDescription: "What a new schema must be able to do: `NONE`, `BACKWARD`, `BACKWARD_TRANSITIVE`, `FORWARD`, `FORWARD_TRANSITIVE`, `FULL` or " +
					"`FULL_TRANSITIVE`. The registry's global level when left out.",
				Optional:   true,
				Validators: []validator.String{stringvalidator.OneOf(levelNames()...)},
			},
			"deletion_protection": schema.BoolAttribute{
				MarkdownDescription: "Refuse to destroy the subject." + protectionText,
				Optional:            true,
				Computed:            true,
			},
			"hard_delete": schema.BoolAttribute{
				MarkdownDescription: "Destroy for good. By default a destroyed subject is deleted softly: its schema ids still resolve, so records written with them stay readable.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(false),
			},
			"schema_id": schema.Int64Attribute{
				MarkdownDescription: "The registry's id of the schema, which stands before each record.",
				Computed:            true,
			},
			"version": schema.Int64Attribute{
				MarkdownDescription: "The schema's version in the subject.",
				Computed:            true,
			},
		},
	}
}

func referenceAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"name": schema.StringAttribute{
			MarkdownDescription: "How the schema calls it: an Avro type's full name, a Protobuf import path, a JSON Schema `$ref`.",
			Required:            true,
		},
		"subject": schema.StringAttribute{
			MarkdownDescription: "Subject that holds it.",
			Required:            true,
		},
		"version": schema.Int64Attribute{
			MarkdownDescription: "Version of that subject.",
			Required:            true,
			Validators:          []validator.Int64{int64validator.AtLeast(1)},
		},
	}
}

func levelNames() []string {
	var names []string
	for _, level := range schemas.Levels() {
		names = append(names, level.String())
	}
	return names
}

// IdentitySchema describes what identifies a subject.
func (r *subjectResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = subjectIdentity.schema()
}

// Configure takes the provider's instance.
func (r *subjectResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Create sets the level and registers the schema. A first registration that
// fails takes the level back, so that nothing is left half made.
func (r *subjectResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan subjectModel
	resp.Diagnostics.Append(subjectCodec.get(ctx, req.Plan.Raw, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	subjectIdentity.set(resp.Identity, plan.Subject.ValueString())
	r.write(ctx, &plan, types.StringNull(), true, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(subjectCodec.set(ctx, &resp.State.Raw, plan)...)
	}
}

// Read takes over the latest schema and the level. A subject that is gone leaves
// the state without a word: the plan then makes it again.
func (r *subjectResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state subjectModel
	resp.Diagnostics.Append(subjectCodec.get(ctx, req.State.Raw, &state)...)
	subjectIdentity.set(resp.Identity, state.Subject.ValueString())
	if resp.Diagnostics.HasError() || r.inst.registryUnknown {
		return
	}
	name := state.Subject.ValueString()
	imported := state.Schema.IsNull()
	withLevel := imported || !state.CompatibilityLevel.IsNull()
	latest, level, found, err := r.inst.schemaRegistry.read(ctx, name, withLevel)
	if err != nil {
		r.inst.failRegistry(&resp.Diagnostics, fmt.Sprintf("Read schema subject %q", name), err, true)
		return
	}
	if !found {
		resp.State.RemoveResource(ctx)
		return
	}
	state.take(latest)
	if withLevel {
		state.CompatibilityLevel = optionalString(level)
	}
	resp.Diagnostics.Append(subjectCodec.set(ctx, &resp.State.Raw, state)...)
}

// Update registers a changed schema and sets a changed level.
func (r *subjectResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state subjectModel
	resp.Diagnostics.Append(subjectCodec.get(ctx, req.Plan.Raw, &plan)...)
	resp.Diagnostics.Append(subjectCodec.get(ctx, req.State.Raw, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	subjectIdentity.set(resp.Identity, plan.Subject.ValueString())
	r.write(ctx, &plan, state.CompatibilityLevel, !plan.same(state), &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(subjectCodec.set(ctx, &resp.State.Raw, plan)...)
	}
}

// Delete deletes the subject, softly unless hard_delete is set.
func (r *subjectResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state subjectModel
	resp.Diagnostics.Append(subjectCodec.get(ctx, req.State.Raw, &state)...)
	if resp.Diagnostics.HasError() || state.refuseDestroy(&resp.Diagnostics) {
		return
	}
	name := state.Subject.ValueString()
	if err := r.inst.schemaRegistry.remove(ctx, name, state.HardDelete.ValueBool()); err != nil {
		r.inst.failRegistry(&resp.Diagnostics, fmt.Sprintf("Delete schema subject %q", name), err, false)
	}
}

// ImportState imports by subject.
func (r *subjectResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	subject := req.ID
	if identity, ok := subjectIdentity.imported(ctx, req, resp); ok {
		subject = identity[0]
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("subject"), subject)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("deletion_protection"), true)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("hard_delete"), false)...)
}
