package main

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"headwater.internal/platform/internal/kafkatest"
)

// protocol speaks to the provider as Terraform does, so that what only newer
// versions of Terraform ask for is tested with every version.
type protocol struct {
	t      testing.TB
	server lightServer

	schemas    *tfprotov6.GetProviderSchemaResponse
	identities *tfprotov6.GetResourceIdentitySchemasResponse
}

// protocolTo configures a provider for a cluster and a registry, each of which may be nil.
func protocolTo(t testing.TB, c *kafkatest.Cluster, g *testRegistry) *protocol {
	t.Helper()
	whole, ok := providerserver.NewProtocol6(newProvider())().(protocolServer)
	if !ok {
		t.Fatal("the provider server lists nothing")
	}
	server := lightServer{whole}
	p := &protocol{t: t, server: server}
	var err error
	if p.schemas, err = server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{}); err != nil {
		t.Fatal(err)
	}
	p.refuse(p.schemas.Diagnostics)
	if p.identities, err = server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{}); err != nil {
		t.Fatal(err)
	}
	p.refuse(p.identities.Diagnostics)
	block, ok := p.schemas.Provider.ValueType().(tftypes.Object)
	if !ok {
		t.Fatal("the provider block is no object")
	}
	values := map[string]tftypes.Value{}
	if c != nil {
		var servers []tftypes.Value
		for _, s := range c.Config.BootstrapServers {
			servers = append(servers, tftypes.NewValue(tftypes.String, s))
		}
		values["bootstrap_servers"] = tftypes.NewValue(block.AttributeTypes["bootstrap_servers"], servers)
	}
	if g != nil {
		values["schema_registry"] = p.value(block.AttributeTypes["schema_registry"], texts(map[string]string{"url": g.url}))
	}
	config, err := tfprotov6.NewDynamicValue(block, p.value(block, values))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.14.0", Config: &config})
	if err != nil {
		t.Fatal(err)
	}
	p.refuse(answer.Diagnostics)
	return p
}

// texts makes values of strings.
func texts(values map[string]string) map[string]tftypes.Value {
	all := map[string]tftypes.Value{}
	for name, value := range values {
		all[name] = tftypes.NewValue(tftypes.String, value)
	}
	return all
}

// value makes an object whose attributes left out are null.
func (p *protocol) value(kind tftypes.Type, values map[string]tftypes.Value) tftypes.Value {
	p.t.Helper()
	full := map[string]tftypes.Value{}
	for name, attribute := range kind.(tftypes.Object).AttributeTypes {
		full[name] = tftypes.NewValue(attribute, nil)
		if value, ok := values[name]; ok {
			full[name] = value
		}
	}
	for name := range values {
		if _, ok := full[name]; !ok {
			p.t.Fatalf("there is no attribute %q", name)
		}
	}
	return tftypes.NewValue(kind, full)
}

// refuse ends the test on an error.
func (p *protocol) refuse(diags []*tfprotov6.Diagnostic) {
	p.t.Helper()
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			p.t.Fatalf("%s: %s", d.Summary, d.Detail)
		}
	}
}

// importIdentity imports and reads a resource by its identity, as an import block
// of Terraform 1.12 does. It returns the strings of state and identity.
func (p *protocol) importIdentity(typeName string, identity map[string]string) (state, found map[string]string) {
	p.t.Helper()
	kind := p.identities.IdentitySchemas[typeName].ValueType()
	given, err := tfprotov6.NewDynamicValue(kind, p.value(kind, texts(identity)))
	if err != nil {
		p.t.Fatal(err)
	}
	imported, err := p.server.ImportResourceState(context.Background(), &tfprotov6.ImportResourceStateRequest{
		TypeName: typeName, Identity: &tfprotov6.ResourceIdentityData{IdentityData: &given},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.refuse(imported.Diagnostics)
	one := imported.ImportedResources[0]
	read, err := p.server.ReadResource(context.Background(), &tfprotov6.ReadResourceRequest{
		TypeName: typeName, CurrentState: one.State, CurrentIdentity: one.Identity, Private: one.Private,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.refuse(read.Diagnostics)
	if read.NewIdentity == nil {
		p.t.Fatalf("%s has no identity after it was read", typeName)
	}
	return p.strings(read.NewState, p.schemas.ResourceSchemas[typeName].ValueType()), p.strings(read.NewIdentity.IdentityData, kind)
}

// strings are the attributes of a value that are strings, or sets of them, joined.
// Those that are null are left out.
func (p *protocol) strings(value *tfprotov6.DynamicValue, kind tftypes.Type) map[string]string {
	p.t.Helper()
	parsed, err := value.Unmarshal(kind)
	if err != nil {
		p.t.Fatal(err)
	}
	var attributes map[string]tftypes.Value
	if err := parsed.As(&attributes); err != nil {
		p.t.Fatal(err)
	}
	found := map[string]string{}
	for name, attribute := range attributes {
		if attribute.IsNull() {
			continue
		}
		var text string
		var set []tftypes.Value
		switch {
		case attribute.Type().Is(tftypes.String) && attribute.As(&text) == nil:
			found[name] = text
		case attribute.Type().Is(tftypes.Set{}) && attribute.As(&set) == nil:
			var items []string
			for _, element := range set {
				if element.As(&text) == nil {
					items = append(items, text)
				}
			}
			found[name] = strings.Join(items, ",")
		}
	}
	return found
}

// listing is one object of a list.
type listing struct {
	display         string
	identity, state map[string]string
}

// list lists a type as `terraform query` of Terraform 1.14 does. With full it asks
// for the attributes too.
func (p *protocol) list(typeName string, config map[string]tftypes.Value, full bool) ([]listing, []*tfprotov6.Diagnostic) {
	p.t.Helper()
	kind := p.schemas.ListResourceSchemas[typeName].ValueType()
	value, err := tfprotov6.NewDynamicValue(kind, p.value(kind, config))
	if err != nil {
		p.t.Fatal(err)
	}
	stream, err := p.server.ListResource(context.Background(), &tfprotov6.ListResourceRequest{TypeName: typeName, Config: &value, IncludeResource: full, Limit: 100})
	if err != nil {
		p.t.Fatal(err)
	}
	var all []listing
	var diags []*tfprotov6.Diagnostic
	for result := range stream.Results {
		diags = append(diags, result.Diagnostics...)
		if result.Identity == nil {
			continue
		}
		one := listing{display: result.DisplayName, identity: p.strings(result.Identity.IdentityData, p.identities.IdentitySchemas[typeName].ValueType())}
		if full {
			one.state = p.strings(result.Resource, p.schemas.ResourceSchemas[typeName].ValueType())
		}
		all = append(all, one)
	}
	return all, diags
}
