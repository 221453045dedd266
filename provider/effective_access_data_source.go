package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var _ datasource.DataSourceWithConfigure = (*effectiveAccessDataSource)(nil)

type effectiveAccessDataSource struct {
	inst *instance
}

type effectiveAccessModel struct {
	Principal    types.String `tfsdk:"principal"`
	Host         types.String `tfsdk:"host"`
	ResourceType types.String `tfsdk:"resource_type"`
	ResourceName types.String `tfsdk:"resource_name"`
	Operations   types.Set    `tfsdk:"operations"`
	Decisions    types.Map    `tfsdk:"decisions"`
}

// effectiveDecision is the answer on one operation.
type effectiveDecision struct {
	Permission string      `tfsdk:"permission"`
	Reason     string      `tfsdk:"reason"`
	ACL        *decidedACL `tfsdk:"acl"`
}

// decidedACL is the ACL that decided.
type decidedACL struct {
	Principal      string `tfsdk:"principal"`
	Host           string `tfsdk:"host"`
	Operation      string `tfsdk:"operation"`
	PermissionType string `tfsdk:"permission_type"`
	ResourceType   string `tfsdk:"resource_type"`
	ResourceName   string `tfsdk:"resource_name"`
	PatternType    string `tfsdk:"pattern_type"`
}

func newEffectiveAccessDataSource() datasource.DataSource { return &effectiveAccessDataSource{} }

// Metadata names the type.
func (d *effectiveAccessDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_effective_access"
}

// Schema describes the type.
func (d *effectiveAccessDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(description string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description, Computed: true}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What the cluster's ACLs come to for one principal and one resource, as Kafka's own authorizer decides: any `DENY` that fits wins, " +
			"then any `ALLOW`; `READ`, `WRITE`, `DELETE` and `ALTER` imply `DESCRIBE`, and `ALTER_CONFIGS` implies `DESCRIBE_CONFIGS`; with no ACL that fits, the answer is `DENY`.\n\n" +
			"Super users, whom no ACL binds, and brokers that allow everyone while a resource has no ACL (`allow.everyone.if.no.acl.found`) are not seen: Kafka tells neither.",
		Attributes: map[string]schema.Attribute{
			"principal": schema.StringAttribute{
				MarkdownDescription: "Who, as type and name: `User:refine`.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.RegexMatches(principalForm, "a principal is a type and a name, such as User:refine")},
			},
			"host": schema.StringAttribute{
				MarkdownDescription: "Address that the principal comes from. Without it only ACLs for any host count.",
				Optional:            true,
			},
			"resource_type": schema.StringAttribute{
				MarkdownDescription: "`TOPIC`, `GROUP`, `TRANSACTIONAL_ID`, `CLUSTER`, `DELEGATION_TOKEN` or `USER`.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.OneOf("TOPIC", "GROUP", "TRANSACTIONAL_ID", clusterType, "DELEGATION_TOKEN", "USER")},
			},
			"resource_name": schema.StringAttribute{
				MarkdownDescription: "Name of one resource, which need not exist. Leave it out for the `CLUSTER`.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"operations": schema.SetAttribute{
				MarkdownDescription: "Operations to decide on; without it all that the type of resource has.",
				ElementType:         types.StringType,
				Optional:            true,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1)},
			},
			"decisions": schema.MapNestedAttribute{
				MarkdownDescription: "The answer by operation.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"permission": text("`ALLOW` or `DENY`."),
					"reason":     text("Why, in words."),
					"acl": schema.SingleNestedAttribute{
						MarkdownDescription: "The ACL that decided, the most specific one of several; null when none fits.",
						Computed:            true,
						Attributes: map[string]schema.Attribute{
							"principal":       text("Whom it is for."),
							"host":            text("Where they come from."),
							"operation":       text("What it is about: the operation itself, one that implies it, or `ALL`."),
							"permission_type": text("`ALLOW` or `DENY`."),
							"resource_type":   text("Type of the resource."),
							"resource_name":   text("Name of the resource, its beginning, or `*`."),
							"pattern_type":    text("`LITERAL` or `PREFIXED`."),
						},
					},
				}},
			},
		},
	}
}

// Configure takes the provider's instance.
func (d *effectiveAccessDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Read decides each operation by the ACLs that the cluster has.
func (d *effectiveAccessDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var state effectiveAccessModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &state)...)
	if !resp.Diagnostics.HasError() {
		state.check(&resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	all, err := d.inst.collector.acls.peek(ctx)
	if err != nil {
		d.inst.fail(&resp.Diagnostics, "Read the access of "+state.Principal.ValueString(), err)
		return
	}
	entries := entriesAbout(all)
	answers := map[string]effectiveDecision{}
	for _, name := range state.asked() {
		operation, _ := kmsg.ParseACLOperation(name)
		answers[name] = describeDecision(operation, decide(entries, state.Principal.ValueString(), state.from, state.resource(), operation))
	}
	decisions, diags := types.MapValueFrom(ctx, state.Decisions.ElementType(ctx), answers)
	resp.Diagnostics.Append(diags...)
	state.Decisions = decisions
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// check holds the name and the operations against the type of the resource.
func (m effectiveAccessModel) check(diags *diag.Diagnostics) {
	kind := m.ResourceType.ValueString()
	for _, operation := range stringsOf(m.Operations) {
		if !slices.Contains(aclOperations[kind], operation) {
			diags.AddAttributeError(path.Root("operations"), "Unknown operation", fmt.Sprintf(
				"%q is not an operation on a %s%s. Kafka has %s.", operation, kind, didYouMean(operation, aclOperations[kind]), strings.Join(aclOperations[kind], ", ")))
		}
	}
	switch name := m.ResourceName; {
	case kind == clusterType && !name.IsNull() && name.ValueString() != clusterName:
		diags.AddAttributeError(path.Root("resource_name"), "Invalid name of the cluster", fmt.Sprintf("Kafka calls every cluster %q: leave resource_name out.", clusterName))
	case kind != clusterType && name.IsNull():
		diags.AddAttributeError(path.Root("resource_name"), "Missing resource name", fmt.Sprintf("Name the %s that is asked about.", kind))
	}
}

// asked are the operations to decide on.
func (m effectiveAccessModel) asked() []string {
	if m.Operations.IsNull() {
		return aclOperations[m.ResourceType.ValueString()]
	}
	return stringsOf(m.Operations)
}

// from reports whether an ACL's host is where the principal comes from.
func (m effectiveAccessModel) from(host string) bool {
	return host == anyHost || host == m.Host.ValueString()
}

// resource is what is asked about.
func (m effectiveAccessModel) resource() aclPattern {
	kind, _ := kmsg.ParseACLResourceType(m.ResourceType.ValueString())
	if kind == kmsg.ACLResourceTypeCluster {
		return theCluster
	}
	return aclPattern{resourceType: kind, patternType: kmsg.ACLResourcePatternTypeLiteral, name: m.ResourceName.ValueString()}
}

func describeDecision(operation kmsg.ACLOperation, d decision) effectiveDecision {
	answer := effectiveDecision{Permission: "DENY", Reason: "no ACL allows it"}
	if d.allowed {
		answer.Permission = "ALLOW"
	}
	if d.by == nil {
		return answer
	}
	answer.Reason = d.by.String()
	if d.by.operation != operation {
		answer.Reason += fmt.Sprintf(", which includes %s", operation)
	}
	answer.ACL = &decidedACL{
		Principal: d.by.principal, Host: d.by.host, Operation: d.by.operation.String(), PermissionType: d.by.permission.String(),
		ResourceType: d.by.pattern.resourceType.String(), ResourceName: d.by.pattern.name, PatternType: d.by.pattern.patternType.String(),
	}
	return answer
}
