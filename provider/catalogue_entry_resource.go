package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

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

// defaultCatalogueTopic is where the platform keeps its catalogue.
const defaultCatalogueTopic = "headwater.catalogue"

var (
	_ resource.ResourceWithConfigure   = (*catalogueEntryResource)(nil)
	_ resource.ResourceWithImportState = (*catalogueEntryResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*catalogueEntryResource)(nil)
)

type catalogueEntryResource struct {
	inst *instance
}

func newCatalogueEntryResource() resource.Resource { return &catalogueEntryResource{} }

// Metadata names the type.
func (r *catalogueEntryResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_catalogue_entry"
}

// entryType is <domain>.<event>, both in lower case with underscores.
var entryType = regexp.MustCompile(`^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$`)

// Schema describes the type.
func (r *catalogueEntryResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	required := func(text string, validators ...validator.String) schema.Attribute {
		return schema.StringAttribute{MarkdownDescription: text, Required: true, Validators: validators}
	}
	optional := func(text string, validators ...validator.String) schema.Attribute {
		return schema.StringAttribute{MarkdownDescription: text, Optional: true, Validators: append(validators, stringvalidator.LengthAtLeast(1))}
	}
	names := func(text string) schema.Attribute {
		return schema.SetAttribute{MarkdownDescription: text, ElementType: types.StringType, Optional: true}
	}
	replaces := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "One event type in the catalogue: a JSON record on a compacted topic that the collector and the processors follow. " +
			"Let it depend on the event's topic, subject and ACLs: an event is live as soon as its entry is written. Destroying the entry writes a tombstone.",
		Attributes: map[string]schema.Attribute{
			"catalogue_topic": schema.StringAttribute{
				MarkdownDescription: "Topic that holds the catalogue; `" + defaultCatalogueTopic + "` by default. It must be compacted.",
				Optional:            true, Computed: true,
				Default:       stringdefault.StaticString(defaultCatalogueTopic),
				Validators:    []validator.String{stringvalidator.RegexMatches(topicName, "a topic name has 1 to 249 letters, digits, dots, underscores and hyphens")},
				PlanModifiers: replaces,
			},
			"type": schema.StringAttribute{
				MarkdownDescription: "The event's type as senders write it, such as `checkout.order_placed`. It is the record's key.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.RegexMatches(entryType, "write it as <domain>.<event> in lower case, such as checkout.order_placed")},
				PlanModifiers:       replaces,
			},
			"tier":           required("`raw`, `processed`, `aggregates` or `repartition`.", stringvalidator.OneOf("raw", "processed", "aggregates", "repartition")),
			"domain":         required("Domain, the first half of the type."),
			"name":           required("The event's own name, the second half of the type."),
			"description":    required("One sentence that says what happened."),
			"owner":          required("Team that answers for the event."),
			"topic":          required("Topic that its records are written to."),
			"subject":        required("Subject of its schema in the registry."),
			"schema":         required("The schema's text."),
			"schema_id":      schema.Int64Attribute{MarkdownDescription: "The registry's id of the schema.", Required: true},
			"schema_version": schema.Int64Attribute{MarkdownDescription: "The schema's version in its subject.", Required: true},
			"schema_type": schema.StringAttribute{
				MarkdownDescription: "`AVRO` (the default), `PROTOBUF` or `JSON`.",
				Optional:            true, Computed: true,
				Default:    stringdefault.StaticString(sr.TypeAvro.String()),
				Validators: []validator.String{stringvalidator.OneOf(sr.TypeAvro.String(), sr.TypeProtobuf.String(), sr.TypeJSON.String())},
			},
			"compatibility": optional("The subject's compatibility level.", stringvalidator.OneOf(levelNames()...)),
			"retention_ms":  schema.Int64Attribute{MarkdownDescription: "How long the topic keeps records, in milliseconds; -1 for ever.", Optional: true},
			"pii":           names("Fields that tell who a person is."),
			"producers":     names("Teams and processors that may write the event."),
			"consumers":     names("Teams and processors that may read the event."),
			"revenue_field": optional("Field whose value counts as revenue."),
			"segment_call": optional("Call of the Segment API that makes this event: `identify`, `page`, `screen`, `group` or `alias`.",
				stringvalidator.OneOf("identify", "page", "screen", "group", "alias")),
			"retired": schema.BoolAttribute{
				MarkdownDescription: "No new events are taken. What is there stays readable.",
				Optional:            true, Computed: true,
				Default: booldefault.StaticBool(false),
			},
		},
	}
}

// Configure takes the provider's instance.
func (r *catalogueEntryResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// ModifyPlan keeps the schema's text as it was when only its white space changed,
// as the subject does: an entry must not change without its subject.
func (r *catalogueEntryResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || req.State.Raw.IsNull() {
		return
	}
	var plan, state catalogueEntryModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !resp.Diagnostics.HasError() && !plan.Schema.IsUnknown() && plan.SchemaType.Equal(state.SchemaType) &&
		schemas.SameText(schemaType(plan.SchemaType), plan.Schema.ValueString(), state.Schema.ValueString()) {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("schema"), state.Schema)...)
	}
}

// Create writes the entry. One that is there already and differs belongs to
// somebody else.
func (r *catalogueEntryResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan catalogueEntryModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	name, topic := plan.Type.ValueString(), plan.CatalogueTopic.ValueString()
	there, found, err := r.inst.catalogues.of(topic).get(ctx, name)
	if err != nil {
		r.inst.fail(&resp.Diagnostics, fmt.Sprintf("Create catalogue entry %q", name), err)
		return
	}
	if found && !there.equal(plan.record()) {
		resp.Diagnostics.AddAttributeError(path.Root("type"), fmt.Sprintf("Create catalogue entry %q", name), fmt.Sprintf(
			"The catalogue on %q has an entry of this type already, owned by %q. Choose another name, or bring the entry in with an import block.", topic, there.Owner))
		return
	}
	entry := plan.record()
	if err := r.inst.catalogues.write(ctx, topic, name, &entry); err != nil {
		r.inst.fail(&resp.Diagnostics, fmt.Sprintf("Create catalogue entry %q", name), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// Read takes over what the topic's latest record says.
func (r *catalogueEntryResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state catalogueEntryModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || r.inst.kafkaUnknown {
		return
	}
	name := state.Type.ValueString()
	entry, found, err := r.inst.catalogues.of(state.CatalogueTopic.ValueString()).get(ctx, name)
	if err != nil {
		r.inst.failPlan(&resp.Diagnostics, fmt.Sprintf("Read catalogue entry %q", name), err)
		return
	}
	if !found {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state.taking(entry))...)
}

// Update writes the entry anew.
func (r *catalogueEntryResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan catalogueEntryModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	entry := plan.record()
	if err := r.inst.catalogues.write(ctx, plan.CatalogueTopic.ValueString(), entry.Type, &entry); err != nil {
		r.inst.fail(&resp.Diagnostics, fmt.Sprintf("Update catalogue entry %q", entry.Type), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// Delete writes a tombstone. A catalogue topic that is gone took the entry with it.
func (r *catalogueEntryResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state catalogueEntryModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	name, topic := state.Type.ValueString(), state.CatalogueTopic.ValueString()
	remains, err := r.inst.catalogues.remains(ctx, topic)
	if err == nil && remains {
		err = r.inst.catalogues.write(ctx, topic, name, nil)
	}
	if err != nil {
		r.inst.fail(&resp.Diagnostics, fmt.Sprintf("Delete catalogue entry %q", name), err)
	}
}

// ImportState imports by type, or by catalogue topic and type with a slash between.
func (r *catalogueEntryResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	topic, name, both := strings.Cut(req.ID, "/")
	if !both {
		topic, name = defaultCatalogueTopic, req.ID
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("catalogue_topic"), topic)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("type"), name)...)
}
