package main

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ datasource.DataSourceWithConfigure = (*clusterDataSource)(nil)

type clusterDataSource struct {
	inst *instance
}

type clusterModel struct {
	ClusterID    types.String         `tfsdk:"cluster_id"`
	ControllerID types.Int64          `tfsdk:"controller_id"`
	Brokers      []clusterBrokerModel `tfsdk:"brokers"`
}

type clusterBrokerModel struct {
	NodeID types.Int64  `tfsdk:"node_id"`
	Host   types.String `tfsdk:"host"`
	Port   types.Int64  `tfsdk:"port"`
	Rack   types.String `tfsdk:"rack"`
	Fenced types.Bool   `tfsdk:"fenced"`
}

func newClusterDataSource() datasource.DataSource { return &clusterDataSource{} }

// Metadata names the type.
func (d *clusterDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cluster"
}

// Schema describes the type.
func (d *clusterDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The cluster that the provider is configured for, and the brokers registered in it.",
		Attributes: map[string]schema.Attribute{
			"cluster_id": schema.StringAttribute{
				MarkdownDescription: "The cluster's id, as it was formatted with.",
				Computed:            true,
			},
			"controller_id": schema.Int64Attribute{
				MarkdownDescription: "Node id that the brokers name as controller. In KRaft that is any broker, which passes requests on.",
				Computed:            true,
			},
			"brokers": schema.ListNestedAttribute{
				MarkdownDescription: "Registered brokers by node id, those that are down included.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"node_id": schema.Int64Attribute{MarkdownDescription: "The broker's `node.id`.", Computed: true},
					"host":    schema.StringAttribute{MarkdownDescription: "Host that it advertises.", Computed: true},
					"port":    schema.Int64Attribute{MarkdownDescription: "Port that it advertises.", Computed: true},
					"rack":    schema.StringAttribute{MarkdownDescription: "Its `broker.rack`; empty when it has none.", Computed: true},
					"fenced":  schema.BoolAttribute{MarkdownDescription: "Whether it is registered but takes no part: down, or still starting.", Computed: true},
				}},
			},
		},
	}
}

// Configure takes the provider's instance.
func (d *clusterDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Read asks the cluster, past every cache.
func (d *clusterDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	client, err := d.inst.connect(ctx)
	if err != nil {
		d.inst.fail(&resp.Diagnostics, "Read the cluster", err)
		return
	}
	cluster, brokers, err := describeCluster(ctx, client)
	if err != nil {
		d.inst.fail(&resp.Diagnostics, "Read the cluster", err)
		return
	}
	state := clusterModel{
		ClusterID:    types.StringValue(cluster.ClusterID),
		ControllerID: types.Int64Value(int64(cluster.ControllerID)),
	}
	for _, key := range slices.Sorted(maps.Keys(brokers)) {
		info := brokers[key]
		node, _ := strconv.ParseInt(key, 10, 32)
		state.Brokers = append(state.Brokers, clusterBrokerModel{
			NodeID: types.Int64Value(node),
			Host:   types.StringValue(info.host),
			Port:   types.Int64Value(int64(info.port)),
			Rack:   types.StringValue(info.rack),
			Fenced: types.BoolValue(info.fenced),
		})
	}
	slices.SortFunc(state.Brokers, func(a, b clusterBrokerModel) int { return int(a.NodeID.ValueInt64() - b.NodeID.ValueInt64()) })
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}
