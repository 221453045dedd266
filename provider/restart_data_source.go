package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ datasource.DataSourceWithConfigure = (*restartDataSource)(nil)

type restartDataSource struct {
	inst *instance
}

type restartModel struct {
	NodeID     types.Int64    `tfsdk:"node_id"`
	Allowed    types.Bool     `tfsdk:"allowed"`
	Reasons    []types.String `tfsdk:"reasons"`
	Broker     types.Bool     `tfsdk:"broker"`
	Controller types.Bool     `tfsdk:"controller"`
	Active     types.Bool     `tfsdk:"active_controller"`
}

func newRestartDataSource() datasource.DataSource { return &restartDataSource{} }

// Metadata names the type.
func (d *restartDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_restart"
}

// Schema describes the type.
func (d *restartDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Whether a node may be restarted now, and if not why. Stopping it must leave every partition that can be written writable, " +
			"no other broker may be down, and the controllers must keep their majority. It is what `headwater roll` asks before each restart.\n\n" +
			"The answer is of the moment it is read: whatever stops the machine must ask again right before.",
		Attributes: map[string]schema.Attribute{
			"node_id": schema.Int64Attribute{
				MarkdownDescription: "The `node.id` of a broker or controller.",
				Required:            true,
				Validators:          []validator.Int64{int64validator.Between(0, 2147483647)},
			},
			"allowed": schema.BoolAttribute{MarkdownDescription: "Whether it may be restarted now.", Computed: true},
			"reasons": schema.ListAttribute{
				MarkdownDescription: "Why not, in words; empty when it may.",
				ElementType:         types.StringType, Computed: true,
			},
			"broker":            schema.BoolAttribute{MarkdownDescription: "Whether the node is a broker.", Computed: true},
			"controller":        schema.BoolAttribute{MarkdownDescription: "Whether the node is a controller.", Computed: true},
			"active_controller": schema.BoolAttribute{MarkdownDescription: "Whether the node is the active controller, which a roll restarts last.", Computed: true},
		},
	}
}

// Configure takes the provider's instance.
func (d *restartDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Read asks the cluster, past every cache.
func (d *restartDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var state restartModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	id := int32(state.NodeID.ValueInt64())
	snapshot, err := d.inst.fresh(ctx)
	if err != nil {
		d.inst.fail(&resp.Diagnostics, fmt.Sprintf("Ask whether node %d may be restarted", id), err)
		return
	}
	state.Reasons = []types.String{}
	for _, reason := range snapshot.RestartRefusals(id) {
		state.Reasons = append(state.Reasons, types.StringValue(reason))
	}
	_, broker := snapshot.Broker(id)
	state.Allowed, state.Broker = types.BoolValue(len(state.Reasons) == 0), types.BoolValue(broker)
	state.Controller, state.Active = types.BoolValue(snapshot.Votes(id)), types.BoolValue(id == snapshot.Controller)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}
