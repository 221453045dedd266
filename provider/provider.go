package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	lists "github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

var (
	_ provider.Provider                       = (*headwaterProvider)(nil)
	_ provider.ProviderWithEphemeralResources = (*headwaterProvider)(nil)
	_ provider.ProviderWithFunctions          = (*headwaterProvider)(nil)
	_ provider.ProviderWithListResources      = (*headwaterProvider)(nil)
)

// headwaterProvider is stateless: Configure makes an [instance], which carries
// what resources and data sources share.
type headwaterProvider struct{}

func newProvider() provider.Provider { return &headwaterProvider{} }

// Metadata names the provider; type names start with it.
func (p *headwaterProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "headwater"
	resp.Version = version
}

// Schema is the provider block.
func (p *headwaterProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = providerSchema()
}

// Configure reads the settings and hands one [instance] to every type. It never
// dials: brokers may not exist yet when a plan is made.
func (p *headwaterProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var block providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &block)...)
	if resp.Diagnostics.HasError() {
		return
	}
	set, diags := readSettings(ctx, block)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	inst := newInstance(set)
	resp.ResourceData = inst
	resp.DataSourceData = inst
	resp.ListResourceData = inst
}

// Resources lists the constructors of all resources, A to Z.
func (p *headwaterProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		newACLResource,
		newAccessResource,
		newBrokerResource,
		newCatalogueEntryResource,
		newDeploymentResource,
		newQuotaResource,
		newRegistryConfigResource,
		newSCRAMResource,
		newSubjectConfigResource,
		newSubjectResource,
		newTopicResource,
		newUUIDResource,
	}
}

// DataSources lists the constructors of all data sources, A to Z.
func (p *headwaterProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		newClusterDataSource,
		newEffectiveAccessDataSource,
		newRestartDataSource,
		newSchemaDataSource,
		newTopicDataSource,
		newUnmanagedDataSource,
	}
}

// EphemeralResources lists the constructors of all ephemeral resources, A to Z.
func (p *headwaterProvider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{
		newSCRAMSecret,
	}
}

// Functions lists the constructors of all provider functions, A to Z.
func (p *headwaterProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		newBytesFunction,
		newDurationFunction,
		newPrincipalFunction,
		newViolationsFunction,
	}
}

// ListResources lists the constructors of all lists, A to Z.
func (p *headwaterProvider) ListResources(context.Context) []func() lists.ListResource {
	var constructors []func() lists.ListResource
	for _, listed := range listedTypes() {
		constructors = append(constructors, newList(listed))
	}
	return constructors
}
