package main

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/inventory"
)

var _ datasource.DataSourceWithConfigure = (*unmanagedDataSource)(nil)

type unmanagedDataSource struct {
	inst *instance
}

type unmanagedModel struct {
	StateFiles []string         `tfsdk:"state_files"`
	Ignore     *unmanagedIgnore `tfsdk:"ignore"`
	Topics     []string         `tfsdk:"topics"`
	ACLs       []unmanagedACL   `tfsdk:"acls"`
	Subjects   []string         `tfsdk:"subjects"`
	Quotas     []unmanagedQuota `tfsdk:"quotas"`
	Users      []unmanagedUser  `tfsdk:"users"`
	Total      types.Int64      `tfsdk:"total"`
}

type unmanagedIgnore struct {
	Topics   []string `tfsdk:"topics"`
	Subjects []string `tfsdk:"subjects"`
	Users    []string `tfsdk:"users"`
}

type unmanagedACL struct {
	Principal      string `tfsdk:"principal"`
	Host           string `tfsdk:"host"`
	PermissionType string `tfsdk:"permission_type"`
	ResourceType   string `tfsdk:"resource_type"`
	ResourceName   string `tfsdk:"resource_name"`
	PatternType    string `tfsdk:"pattern_type"`
	Operation      string `tfsdk:"operation"`
}

type unmanagedQuota struct {
	User     types.String `tfsdk:"user"`
	ClientID types.String `tfsdk:"client_id"`
	IP       types.String `tfsdk:"ip"`
	Limit    string       `tfsdk:"limit"`
}

type unmanagedUser struct {
	Username  string `tfsdk:"username"`
	Mechanism string `tfsdk:"mechanism"`
}

func newUnmanagedDataSource() datasource.DataSource { return &unmanagedDataSource{} }

// Metadata names the type.
func (d *unmanagedDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_unmanaged"
}

// Schema describes the type.
func (d *unmanagedDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(description string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description, Computed: true}
	}
	names := func(description string, computed bool) schema.ListAttribute {
		return schema.ListAttribute{MarkdownDescription: description, ElementType: types.StringType, Computed: computed, Optional: !computed}
	}
	list := func(description string, attributes map[string]schema.Attribute) schema.ListNestedAttribute {
		return schema.ListNestedAttribute{
			MarkdownDescription: description, Computed: true,
			NestedObject: schema.NestedAttributeObject{Attributes: attributes},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What is on the cluster and in the schema registry that no Terraform state owns: topics, ACLs, subjects, quotas and users that somebody made by hand, " +
			"or that were taken out of the files and not off the cluster.\n\n" +
			"A provider cannot see what other roots own, nor all of its own: so the states are named. Each is a file as `terraform state pull` writes it; " +
			"name those of all roots that declare something on this cluster. Only the types of this provider count as owners. " +
			"`headwater drift` does all this from the command line and ends with 3 when anything differs.",
		Attributes: map[string]schema.Attribute{
			"state_files": schema.ListAttribute{
				MarkdownDescription: "Paths of the states, from where Terraform runs. Only their names come into this root's own state. A missing file is an error; an empty one owns nothing.",
				ElementType:         types.StringType,
				Required:            true,
			},
			"ignore": schema.SingleNestedAttribute{
				MarkdownDescription: "What others look after: patterns with `*`, `?` and `[a-z]`.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"topics":   names("Names of topics, such as `connect-*`. Kafka's internal topics are never listed.", false),
					"subjects": names("Names of subjects.", false),
					"users":    names("Names of users, without `User:`: their credentials, ACLs and quotas.", false),
				},
			},
			"topics": names("Topics that no state owns.", true),
			"acls": list("ACLs that no state owns, one an operation.", map[string]schema.Attribute{
				"principal": text("Whom it is for."), "host": text("Where they come from."), "permission_type": text("`ALLOW` or `DENY`."),
				"resource_type": text("Type of the Kafka resource."), "resource_name": text("Its name, or the beginning of it."),
				"pattern_type": text("`LITERAL` or `PREFIXED`."), "operation": text("The operation."),
			}),
			"subjects": names("Subjects of the schema registry that no state owns; none when the provider has no registry.", true),
			"quotas": list("Limits that no state owns, one each. Parts that the entity lacks are null.", map[string]schema.Attribute{
				"user": text("Name of a user, or `<default>`."), "client_id": text("A client id, or `<default>`."), "ip": text("An address, or `<default>`."),
				"limit": text("Which limit, such as `producer_byte_rate`."),
			}),
			"users": list("SCRAM credentials that no state owns.", map[string]schema.Attribute{
				"username": text("Name of the user."), "mechanism": text("`SCRAM-SHA-256` or `SCRAM-SHA-512`."),
			}),
			"total": schema.Int64Attribute{MarkdownDescription: "How many there are in all.", Computed: true},
		},
	}
}

// Configure takes the provider's instance.
func (d *unmanagedDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.inst = instanceFrom(req.ProviderData, &resp.Diagnostics)
}

// Read lists what is there, with one request a kind, and takes away what the
// states own.
func (d *unmanagedDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var state unmanagedModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	var ignore inventory.Ignore
	if state.Ignore != nil {
		ignore = inventory.Ignore(*state.Ignore)
	}
	if err := ignore.Check(); err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("ignore"), "Invalid pattern", sentence(err))
		return
	}
	owned, err := inventory.OwnedByFiles(state.StateFiles)
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("state_files"), "Read the states", sentence(err))
		return
	}
	found, err := d.find(ctx)
	if err != nil {
		d.inst.fail(&resp.Diagnostics, "List what is on the cluster", err)
		return
	}
	state.take(inventory.Unmanaged(found, owned, ignore))
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func (d *unmanagedDataSource) find(ctx context.Context) (inventory.Objects, error) {
	client, err := d.inst.connect(ctx)
	if err != nil {
		return inventory.Objects{}, err
	}
	if d.inst.registryUnknown {
		return inventory.Objects{}, errors.New("the provider's schema registry is known only after apply")
	}
	var registry *sr.Client
	if d.inst.registry.url != "" {
		if registry, err = d.inst.schemaRegistry.connect(); err != nil {
			return inventory.Objects{}, err
		}
	}
	return inventory.Find(ctx, client.raw, registry)
}

// take shows the objects.
func (m *unmanagedModel) take(o inventory.Objects) {
	m.Topics, m.Subjects, m.Total = o.Topics, o.Subjects, types.Int64Value(int64(o.Count()))
	m.ACLs, m.Quotas, m.Users = []unmanagedACL{}, []unmanagedQuota{}, []unmanagedUser{}
	for _, acl := range o.ACLs {
		m.ACLs = append(m.ACLs, unmanagedACL(acl))
	}
	for _, quota := range o.Quotas {
		m.Quotas = append(m.Quotas, unmanagedQuota{User: part(quota.User), ClientID: part(quota.ClientID), IP: part(quota.IP), Limit: quota.Limit})
	}
	for _, user := range o.Users {
		m.Users = append(m.Users, unmanagedUser(user))
	}
}

// part is a part of a quota's entity; null when the entity lacks it.
func part(name string) types.String {
	if name == "" {
		return types.StringNull()
	}
	return types.StringValue(name)
}
