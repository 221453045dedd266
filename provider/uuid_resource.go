package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/mapplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ resource.ResourceWithImportState = (*uuidResource)(nil)

type uuidResource struct{}

type uuidModel struct {
	Keepers types.Map    `tfsdk:"keepers"`
	ID      types.String `tfsdk:"id"`
	RFC4122 types.String `tfsdk:"rfc4122"`
}

func newUUIDResource() resource.Resource { return &uuidResource{} }

// Metadata names the type.
func (r *uuidResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_uuid"
}

// Schema describes the type.
func (r *uuidResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	kept := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "An id in Kafka's own form, such as the id that a new cluster or a controller's directory is formatted with. " +
			"It is drawn once and then stays: nothing on a cluster is made or changed.",
		Attributes: map[string]schema.Attribute{
			"keepers": schema.MapAttribute{
				MarkdownDescription: keepersText,
				ElementType:         types.StringType,
				Optional:            true,
				PlanModifiers:       []planmodifier.Map{mapplanmodifier.RequiresReplaceIf(keepersChanged, keepersText, keepersText)},
			},
			"id": schema.StringAttribute{
				MarkdownDescription: "The id as Kafka writes it: 22 characters of unpadded base64, and never with a `-` in front, which Kafka's tools take for an option.",
				Computed:            true,
				PlanModifiers:       kept,
			},
			"rfc4122": schema.StringAttribute{
				MarkdownDescription: "The same id as `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.",
				Computed:            true,
				PlanModifiers:       kept,
			},
		},
	}
}

const keepersText = "What the id is for: when one of these values changes, another id is drawn. An id that had none, such as an imported one, takes them on."

func keepersChanged(_ context.Context, req planmodifier.MapRequest, resp *mapplanmodifier.RequiresReplaceIfFuncResponse) {
	resp.RequiresReplace = !req.StateValue.IsNull() && !req.PlanValue.IsNull()
}

// Create draws an id.
func (r *uuidResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan uuidModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	drawn, err := drawKafkaID(uuid.NewRandom)
	if err != nil {
		resp.Diagnostics.AddError("Draw an id", sentence(err))
		return
	}
	plan.ID, plan.RFC4122 = types.StringValue(kafkaID(drawn)), types.StringValue(drawn.String())
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// Read keeps the state: there is nothing to compare it with.
func (r *uuidResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

// Update takes keepers on or drops them.
func (r *uuidResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan uuidModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// Delete forgets the id.
func (r *uuidResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// ImportState takes an id in either form.
func (r *uuidResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	id, err := parseKafkaID(req.ID)
	if err != nil {
		resp.Diagnostics.AddError("Import an id", sentence(err))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), kafkaID(id))...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("rfc4122"), id.String())...)
}

// drawKafkaID draws until Kafka would take the id.
func drawKafkaID(draw func() (uuid.UUID, error)) (uuid.UUID, error) {
	for {
		id, err := draw()
		if err != nil || !refusedID(id) {
			return id, err
		}
	}
}

// refusedID reports ids that Kafka's own generator draws again: those that begin
// with a hyphen, and the first hundred, which it keeps to itself.
func refusedID(id uuid.UUID) bool {
	reserved := true
	for _, b := range id[:15] {
		reserved = reserved && b == 0
	}
	return strings.HasPrefix(kafkaID(id), "-") || (reserved && id[15] < 100)
}

// kafkaID writes an id as Kafka does.
func kafkaID(id uuid.UUID) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// parseKafkaID reads an id in Kafka's form or in that of RFC 4122.
func parseKafkaID(text string) (uuid.UUID, error) {
	if bytes, err := base64.RawURLEncoding.DecodeString(text); err == nil && len(bytes) == len(uuid.UUID{}) {
		return uuid.UUID(bytes), nil
	}
	if id, err := uuid.Parse(text); err == nil && len(text) == len(uuid.UUID{}.String()) {
		return id, nil
	}
	return uuid.UUID{}, fmt.Errorf("%q is neither 22 characters of base64, as Kafka writes ids, nor an id of RFC 4122", text)
}
