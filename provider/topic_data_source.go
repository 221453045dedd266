package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var _ datasource.DataSourceWithConfigure = (*topicDataSource)(nil)

type topicDataSource struct {
	inst *instance
}

type topicDataModel struct {
	Name              types.String `tfsdk:"name"`
	TopicID           types.String `tfsdk:"topic_id"`
	Partitions        types.Int64  `tfsdk:"partitions"`
	ReplicationFactor types.Int64  `tfsdk:"replication_factor"`
	Retention         types.String `tfsdk:"retention"`
	Config            types.Map    `tfsdk:"config"`
	EffectiveConfig   types.Map    `tfsdk:"effective_config"`
	ConfigSources     types.Map    `tfsdk:"config_sources"`
}

func newTopicDataSource() datasource.DataSource { return &topicDataSource{} }

// Metadata names the type.
func (d *topicDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_topic"
}

// Schema describes the type.
func (d *topicDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A topic that is declared elsewhere, or nowhere.",
		Attributes: map[string]schema.Attribute{
			"name":               schema.StringAttribute{MarkdownDescription: "Name of the topic.", Required: true},
			"topic_id":           schema.StringAttribute{MarkdownDescription: "Kafka's own id of the topic, a UUID.", Computed: true},
			"partitions":         schema.Int64Attribute{MarkdownDescription: "Number of partitions.", Computed: true},
			"replication_factor": schema.Int64Attribute{MarkdownDescription: "Number of replicas of each partition, those that a reassignment takes away not counted.", Computed: true},
			"retention":          schema.StringAttribute{MarkdownDescription: "How long records are kept, such as `30d` or `unlimited`.", Computed: true},
			"config": schema.MapAttribute{
				MarkdownDescription: "Settings made on the topic itself, by their Kafka names.",
				ElementType:         types.StringType, Computed: true,
			},
			"effective_config": schema.MapAttribute{
				MarkdownDescription: "All settings in force, the brokers' defaults included.",
				ElementType:         types.StringType, Computed: true,
			},
			"config_sources": schema.MapAttribute{
				MarkdownDescription: "Where each setting in force comes from: `topic` (set on the topic), `broker` (set on one broker while it runs), `cluster` (set on all brokers while they run), " +
					"`file` (a broker's own file) or `default` (Kafka's).",
				ElementType: types.StringType, Computed: true,
			},
		},
	}
}

// Configure takes the provider's instance.
func (d *topicDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Read takes the topic out of the collector.
func (d *topicDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var state topicDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	name := state.Name.ValueString()
	info, exists, err := d.inst.collector.topics.get(ctx, name)
	var config map[string]configValue
	if err == nil && exists {
		config, exists, err = d.inst.collector.configs.get(ctx, name)
	}
	if err != nil {
		d.inst.fail(&resp.Diagnostics, fmt.Sprintf("Read topic %q", name), err)
		return
	}
	if !exists {
		resp.Diagnostics.AddAttributeError(path.Root("name"), "No such topic", fmt.Sprintf("The cluster has no topic %q: correct the name, or create the topic first.", name))
		return
	}
	var imported topicModel // owns every setting
	resp.Diagnostics.Append(imported.take(ctx, info, config)...)
	state.TopicID, state.Partitions, state.ReplicationFactor = imported.TopicID, imported.Partitions, imported.ReplicationFactor
	effective, sources := map[string]string{}, map[string]string{}
	for key, value := range config {
		effective[key], sources[key] = value.value, sourceOf(value.source)
	}
	unitAttributes[0].take(&imported, effective)
	state.Retention = imported.Retention
	overrides, diags := types.MapValueFrom(ctx, types.StringType, topicOverrides(config))
	resp.Diagnostics.Append(diags...)
	all, diags := types.MapValueFrom(ctx, types.StringType, effective)
	resp.Diagnostics.Append(diags...)
	whence, diags := types.MapValueFrom(ctx, types.StringType, sources)
	resp.Diagnostics.Append(diags...)
	state.Config, state.EffectiveConfig, state.ConfigSources = overrides, all, whence
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// sourceOf names where a setting comes from as people say it.
func sourceOf(source kmsg.ConfigSource) string {
	switch source {
	case kmsg.ConfigSourceDynamicTopicConfig:
		return "topic"
	case kmsg.ConfigSourceDynamicBrokerConfig:
		return "broker"
	case kmsg.ConfigSourceDynamicDefaultBrokerConfig:
		return "cluster"
	case kmsg.ConfigSourceStaticBrokerConfig:
		return "file"
	case kmsg.ConfigSourceDefaultConfig:
		return "default"
	default:
		return strings.ToLower(source.String())
	}
}
