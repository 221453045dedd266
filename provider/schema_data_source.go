package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/sr"
)

var _ datasource.DataSourceWithConfigure = (*schemaDataSource)(nil)

type schemaDataSource struct {
	inst *instance
}

type schemaDataModel struct {
	Subject            types.String     `tfsdk:"subject"`
	Version            types.Int64      `tfsdk:"version"`
	SchemaID           types.Int64      `tfsdk:"schema_id"`
	SchemaType         types.String     `tfsdk:"schema_type"`
	Schema             types.String     `tfsdk:"schema"`
	References         []referenceModel `tfsdk:"references"`
	CompatibilityLevel types.String     `tfsdk:"compatibility_level"`
}

func newSchemaDataSource() datasource.DataSource { return &schemaDataSource{} }

// Metadata names the type.
func (d *schemaDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_schema"
}

// Schema describes the type.
func (d *schemaDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "One version of a subject of the schema registry.",
		Attributes: map[string]schema.Attribute{
			"subject": schema.StringAttribute{
				MarkdownDescription: "Name of the subject.",
				Required:            true,
			},
			"version": schema.Int64Attribute{
				MarkdownDescription: "Version to read; the latest when left out.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.Int64{int64validator.AtLeast(1)},
			},
			"schema_id":   schema.Int64Attribute{MarkdownDescription: "The registry's id of the schema.", Computed: true},
			"schema_type": schema.StringAttribute{MarkdownDescription: "`AVRO`, `PROTOBUF` or `JSON`.", Computed: true},
			"schema":      schema.StringAttribute{MarkdownDescription: "The schema's text.", Computed: true},
			"references": schema.ListNestedAttribute{
				MarkdownDescription: "Schemas of other subjects that it names.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":    schema.StringAttribute{MarkdownDescription: "How the schema calls it.", Computed: true},
					"subject": schema.StringAttribute{MarkdownDescription: "Subject that holds it.", Computed: true},
					"version": schema.Int64Attribute{MarkdownDescription: "Version of that subject.", Computed: true},
				}},
			},
			"compatibility_level": schema.StringAttribute{
				MarkdownDescription: "The level that holds for the subject: its own, or the registry's global one.",
				Computed:            true,
			},
		},
	}
}

// Configure takes the provider's instance.
func (d *schemaDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Read looks the version up. One that does not exist is an error.
func (d *schemaDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m schemaDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	name := m.Subject.ValueString()
	if d.inst.registryUnknown {
		resp.Diagnostics.AddError(fmt.Sprintf("Read schema of %q", name), "The registry's address is known only after apply. "+
			"Let the data source depend on the resource that makes the registry, so that it is read then.")
		return
	}
	found, err := d.read(ctx, &m)
	switch {
	case err != nil:
		d.inst.failRegistry(&resp.Diagnostics, fmt.Sprintf("Read schema of %q", name), err, false)
	case !found:
		resp.Diagnostics.AddAttributeError(path.Root("subject"), fmt.Sprintf("Read schema of %q", name), fmt.Sprintf(
			"The schema registry at %s has no such subject, or not that version of it. Check the name, or let the data source depend on the resource that registers it.",
			d.inst.registry.url))
	default:
		resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
	}
}

func (d *schemaDataSource) read(ctx context.Context, m *schemaDataModel) (bool, error) {
	s, found, err := d.lookUp(ctx, m.Subject.ValueString(), m.Version)
	if err != nil || !found {
		return false, err
	}
	level, err := d.inst.schemaRegistry.effectiveLevel(ctx, m.Subject.ValueString())
	if err != nil {
		return false, err
	}
	m.Version, m.SchemaID = types.Int64Value(int64(s.Version)), types.Int64Value(int64(s.ID))
	m.SchemaType, m.Schema = types.StringValue(s.Type.String()), types.StringValue(s.Schema.Schema)
	m.References, m.CompatibilityLevel = referenceModels(s.References), types.StringValue(level.String())
	return true, nil
}

func (d *schemaDataSource) lookUp(ctx context.Context, subject string, version types.Int64) (sr.SubjectSchema, bool, error) {
	if version.IsNull() {
		return d.inst.schemaRegistry.latest.get(ctx, subject)
	}
	client, err := d.inst.schemaRegistry.connect()
	if err != nil {
		return sr.SubjectSchema{}, false, err
	}
	s, err := client.SchemaByVersion(ctx, subject, int(version.ValueInt64()))
	if hasStatus(err, http.StatusNotFound) {
		return s, false, nil
	}
	return s, err == nil, err
}
