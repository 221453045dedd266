package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	lists "github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ lists.ListResourceWithConfigure = (*listResource)(nil)

// listResource lists what a cluster or its registry has of one type, for
// `terraform query` of Terraform 1.14 and newer. What it lists is what an import
// would bring in: it imports and reads through the managed resource itself.
type listResource struct {
	inst   *instance
	listed listedType
}

// listedType is what the lists of two types differ in.
type listedType struct {
	name     string // without the provider's, such as topic
	plural   string
	prefix   string // what the filter prefix is held against
	managed  func() resource.Resource
	identity identityParts

	// find returns all objects that the provider may see.
	find func(context.Context, *instance) ([]found, error)
	// unknown says that their address is known only after apply.
	unknown func(*instance) bool
	// fail adds the diagnostic of a failed find.
	fail func(*instance, *diag.Diagnostics, string, error)
}

// found is one object.
type found struct {
	display  string   // how people call it
	key      string   // what a prefix is held against
	internal bool     // of Kafka's own making
	identity []string // in the order of the type's identity
}

type listModel struct {
	Prefix          types.String `tfsdk:"prefix"`
	IncludeInternal types.Bool   `tfsdk:"include_internal"`
}

// newList makes the constructor of a type's lists.
func newList(listed listedType) func() lists.ListResource {
	return func() lists.ListResource { return &listResource{listed: listed} }
}

// Metadata names the type, as the managed resource is named.
func (l *listResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + l.listed.name
}

// ListResourceConfigSchema describes the block's config.
func (l *listResource) ListResourceConfigSchema(_ context.Context, _ lists.ListResourceSchemaRequest, resp *lists.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: fmt.Sprintf("Lists the %s that are there, declared or not.", l.listed.plural),
		Attributes: map[string]schema.Attribute{
			"prefix": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("Only those whose %s begins with this.", l.listed.prefix),
				Optional:            true,
			},
			"include_internal": schema.BoolAttribute{
				MarkdownDescription: "Also what Kafka makes for itself, which begins with two underscores.",
				Optional:            true,
			},
		},
	}
}

// Configure takes the provider's instance.
func (l *listResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	l.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// List finds the objects in the order of their names. It asks the cluster as often as
// a refresh does: for all of a kind at once.
func (l *listResource) List(ctx context.Context, req lists.ListRequest, stream *lists.ListResultsStream) {
	var filter listModel
	diags := req.Config.Get(ctx, &filter)
	var all []found
	if !diags.HasError() {
		all = l.find(ctx, filter, &diags)
	}
	if diags.HasError() {
		stream.Results = lists.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = func(push func(lists.ListResult) bool) {
		for i, object := range all {
			if (req.Limit > 0 && int64(i) >= req.Limit) || !push(l.result(ctx, req, object)) {
				return
			}
		}
	}
}

func (l *listResource) find(ctx context.Context, filter listModel, diags *diag.Diagnostics) []found {
	if l.listed.unknown(l.inst) {
		diags.AddError("A list needs the cluster", "The provider's settings are known only after apply. Apply what they come from first.")
		return nil
	}
	all, err := l.listed.find(ctx, l.inst)
	if err != nil {
		l.listed.fail(l.inst, diags, "List "+l.listed.plural, err)
		return nil
	}
	all = slices.DeleteFunc(all, func(f found) bool {
		return (f.internal && !filter.IncludeInternal.ValueBool()) || !strings.HasPrefix(f.key, filter.Prefix.ValueString())
	})
	slices.SortFunc(all, func(a, b found) int { return strings.Compare(a.display, b.display) })
	return all
}

// result words one object, with its attributes when they are asked for.
func (l *listResource) result(ctx context.Context, req lists.ListRequest, object found) lists.ListResult {
	result := req.NewListResult(ctx)
	result.DisplayName = object.display
	l.listed.identity.set(result.Identity, object.identity...)
	if !req.IncludeResource || result.Diagnostics.HasError() {
		return result
	}
	managed := l.listed.managed()
	configure, canConfigure := managed.(resource.ResourceWithConfigure)
	importer, canImport := managed.(resource.ResourceWithImportState)
	if !canConfigure || !canImport {
		result.Diagnostics.AddError("List "+l.listed.plural, "The type cannot be imported. Please report this to the platform team.")
		return result
	}
	configure.Configure(ctx, resource.ConfigureRequest{ProviderData: l.inst}, &resource.ConfigureResponse{})
	imported := resource.ImportStateResponse{
		State: tfsdk.State{Raw: result.Resource.Raw, Schema: result.Resource.Schema}, Identity: result.Identity,
	}
	importer.ImportState(ctx, resource.ImportStateRequest{Identity: result.Identity}, &imported)
	result.Diagnostics.Append(imported.Diagnostics...)
	if result.Diagnostics.HasError() {
		return result
	}
	read := resource.ReadResponse{State: imported.State, Identity: imported.Identity}
	managed.Read(ctx, resource.ReadRequest{State: imported.State, Identity: imported.Identity}, &read)
	result.Diagnostics.Append(read.Diagnostics...)
	result.Resource.Raw = read.State.Raw
	return result
}

// listedTypes are the types that can be listed, A to Z.
func listedTypes() []listedType {
	onKafka := func(i *instance) bool { return i.kafkaUnknown }
	return []listedType{
		{
			name: "acl", plural: "ACLs", prefix: "resource name", managed: newACLResource, identity: aclIdentity,
			find: findACLs, unknown: onKafka, fail: (*instance).fail,
		},
		{
			name: "quota", plural: "quotas", prefix: "entity, such as `user=refine`,", managed: newQuotaResource, identity: quotaIdentity,
			find: findQuotas, unknown: onKafka, fail: (*instance).fail,
		},
		{
			name: "schema_subject", plural: "schema subjects", prefix: "name", managed: newSubjectResource, identity: subjectIdentity,
			find: findSubjects, unknown: func(i *instance) bool { return i.registryUnknown },
			fail: func(i *instance, diags *diag.Diagnostics, summary string, err error) {
				i.failRegistry(diags, summary, err, false)
			},
		},
		{
			name: "scram_credential", plural: "SCRAM credentials", prefix: "user name", managed: newSCRAMResource, identity: scramIdentity,
			find: findSCRAM, unknown: onKafka, fail: (*instance).fail,
		},
		{
			name: "topic", plural: "topics", prefix: "name", managed: newTopicResource, identity: topicIdentity,
			find: findTopics, unknown: onKafka, fail: (*instance).fail,
		},
	}
}

// internalName reports names that Kafka and its tools keep for themselves.
func internalName(name string) bool { return strings.HasPrefix(name, "__") }

func findTopics(ctx context.Context, i *instance) ([]found, error) {
	topics, err := i.collector.topics.peek(ctx)
	all := make([]found, 0, len(topics))
	for name := range topics {
		all = append(all, found{display: name, key: name, internal: internalName(name), identity: []string{name}})
	}
	return all, err
}

func findACLs(ctx context.Context, i *instance) ([]found, error) {
	patterns, err := i.collector.acls.peek(ctx)
	grouped := map[string]found{} // a resource is all operations of one principal, host and permission
	for _, acls := range patterns {
		for _, acl := range acls {
			pattern := acl.pattern
			identity := []string{
				acl.principal, acl.host, acl.permission.String(), pattern.resourceType.String(), pattern.patternType.String(), pattern.name,
			}
			id := strings.Join(identity, "|")
			grouped[id] = found{display: id, key: pattern.name, identity: identity}
		}
	}
	return slices.Collect(maps.Values(grouped)), err
}

func findQuotas(ctx context.Context, i *instance) ([]found, error) {
	quotas, err := i.collector.quotas.peek(ctx)
	all := make([]found, 0, len(quotas))
	for key := range quotas {
		entity, parseErr := parseQuotaEntity(key)
		if parseErr != nil {
			return nil, parseErr
		}
		all = append(all, found{display: key, key: key, identity: entity.parts()})
	}
	return all, err
}

func findSCRAM(ctx context.Context, i *instance) ([]found, error) {
	users, err := i.collector.scram.peek(ctx)
	var all []found
	for name, user := range users {
		for _, credential := range user.CredInfos {
			mechanism := credential.Mechanism.String()
			all = append(all, found{display: mechanism + "/" + name, key: name, identity: []string{name, mechanism}})
		}
	}
	return all, err
}

// findSubjects asks for names only: not every registry lists schemas.
func findSubjects(ctx context.Context, i *instance) ([]found, error) {
	client, err := i.schemaRegistry.connect()
	if err != nil {
		return nil, err
	}
	names, err := client.Subjects(ctx)
	all := make([]found, 0, len(names))
	for _, name := range names {
		all = append(all, found{display: name, key: name, identity: []string{name}})
	}
	return all, err
}
