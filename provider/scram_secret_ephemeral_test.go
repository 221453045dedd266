package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	frameworkdata "github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	ephemeralschema "github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	framework "github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"headwater.internal/platform/internal/kafkatest"
)

// One number turns a password: a new one is made, stored, and read back by the
// credential, all in one apply; in between nothing changes although every run
// makes another password. The state holds none of them.
func TestSCRAMSecretFlow(t *testing.T) {
	t.Parallel()
	needTerraform(t)
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"))
	store := &secretStore{values: map[string]string{}}
	config := func(version int) string {
		return onAs(c, fmt.Sprintf(`
ephemeral "headwater_scram_secret" "refine" {}

resource "store_secret" "refine" {
  name             = "refine"
  value_wo         = ephemeral.headwater_scram_secret.refine.password
  value_wo_version = %[1]d
}

ephemeral "store_secret" "refine" {
  name    = store_secret.refine.name
  written = store_secret.refine.written # unknown in a plan that writes: so it is read after that
}

resource "headwater_scram_credential" "test" {
  username            = "refine"
  password_wo         = ephemeral.store_secret.refine.value
  password_wo_version = store_secret.refine.value_wo_version
}`, version))
	}
	var first string
	remember := func(*terraformState) error {
		first = store.get("refine")
		if !regexp.MustCompile(`^[A-Za-z0-9]{32}$`).MatchString(first) {
			return fmt.Errorf("the store holds %q, want 32 letters and digits", first)
		}
		return nil
	}
	nowhere := func(s *terraformState) error {
		if text := fmt.Sprint(s); strings.Contains(text, store.get("refine")) {
			return fmt.Errorf("the state holds the password: %s", text)
		}
		return nil
	}
	logs := func(password func() string, want bool) resource.TestCheckFunc {
		return func(s *terraformState) error { return logsIn(c, password(), want)(s) }
	}
	now, before := func() string { return store.get("refine") }, func() string { return first }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"headwater": factories["headwater"],
			"store":     providerserver.NewProtocol6WithError(store),
		},
		Steps: []resource.TestStep{
			{Config: config(1), Check: resource.ComposeTestCheckFunc(remember, nowhere, logs(now, true))},
			{Config: config(1), ConfigPlanChecks: emptyPlan(), Check: logs(before, true)},
			{
				Config: config(2),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testSCRAM, plancheck.ResourceActionUpdate)},
				},
				Check: resource.ComposeTestCheckFunc(nowhere, logs(now, true), logs(before, false)),
			},
		},
	})
}

// A length that is asked for is kept, and one that is weak is refused.
func TestSCRAMSecretLength(t *testing.T) {
	t.Parallel()
	needTerraform(t)
	config := func(length int) string {
		return requireProvider + fmt.Sprintf(`
ephemeral "headwater_scram_secret" "test" {
  length = %d
}
provider "echo" {
  data = ephemeral.headwater_scram_secret.test.password
}
resource "echo" "test" {}`, length)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"headwater": factories["headwater"],
			"echo":      echoprovider.NewProviderServer(),
		},
		Steps: []resource.TestStep{
			{Config: config(15), ExpectError: flexible("length value must be between 16 and 256, got: 15")},
			{Config: config(64), Check: resource.TestMatchResourceAttr("echo.test", "data", regexp.MustCompile(`^[A-Za-z0-9]{64}$`))},
		},
	})
}

// secretStore is a provider with a resource that keeps a secret out of the state
// and an ephemeral resource that reads it, as those of real stores do.
type secretStore struct {
	mu     sync.Mutex
	values map[string]string
}

func (p *secretStore) get(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.values[name]
}

func (p *secretStore) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "store"
}
func (p *secretStore) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}
func (p *secretStore) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {
}
func (p *secretStore) DataSources(context.Context) []func() frameworkdata.DataSource { return nil }
func (p *secretStore) Resources(context.Context) []func() framework.Resource {
	return []func() framework.Resource{func() framework.Resource { return &storedSecret{p} }}
}

func (p *secretStore) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{func() ephemeral.EphemeralResource { return &readSecret{p} }}
}

type storedSecret struct{ store *secretStore }

type storedSecretModel struct {
	Name    types.String `tfsdk:"name"`
	Value   types.String `tfsdk:"value_wo"`
	Version types.Int64  `tfsdk:"value_wo_version"`
	Written types.String `tfsdk:"written"`
}

func (r *storedSecret) Metadata(_ context.Context, _ framework.MetadataRequest, resp *framework.MetadataResponse) {
	resp.TypeName = "store_secret"
}

func (r *storedSecret) Schema(_ context.Context, _ framework.SchemaRequest, resp *framework.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name":             schema.StringAttribute{Required: true},
		"value_wo":         schema.StringAttribute{Required: true, WriteOnly: true, Sensitive: true},
		"value_wo_version": schema.Int64Attribute{Required: true},
		"written":          schema.StringAttribute{Computed: true},
	}}
}

func (r *storedSecret) Create(ctx context.Context, req framework.CreateRequest, resp *framework.CreateResponse) {
	var model storedSecretModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	r.store.values[model.Name.ValueString()] = model.Value.ValueString()
	resp.Diagnostics.Append(req.Plan.Get(ctx, &model)...)
	model.Written = types.StringValue(model.Version.String())
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

func (r *storedSecret) Update(ctx context.Context, req framework.UpdateRequest, resp *framework.UpdateResponse) {
	created := framework.CreateResponse{State: resp.State}
	r.Create(ctx, framework.CreateRequest{Config: req.Config, Plan: req.Plan}, &created)
	resp.State, resp.Diagnostics = created.State, created.Diagnostics
}

func (r *storedSecret) Read(context.Context, framework.ReadRequest, *framework.ReadResponse) {}

func (r *storedSecret) Delete(context.Context, framework.DeleteRequest, *framework.DeleteResponse) {}

type readSecret struct{ store *secretStore }

func (e *readSecret) Metadata(_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = "store_secret"
}

func (e *readSecret) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = ephemeralschema.Schema{Attributes: map[string]ephemeralschema.Attribute{
		"name":    ephemeralschema.StringAttribute{Required: true},
		"written": ephemeralschema.StringAttribute{Required: true},
		"value":   ephemeralschema.StringAttribute{Computed: true, Sensitive: true},
	}}
}

func (e *readSecret) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var name, written types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("name"), &name)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("written"), &written)...)
	resp.Diagnostics.Append(resp.Result.SetAttribute(ctx, path.Root("written"), written)...)
	resp.Diagnostics.Append(resp.Result.SetAttribute(ctx, path.Root("name"), name)...)
	resp.Diagnostics.Append(resp.Result.SetAttribute(ctx, path.Root("value"), e.store.get(name.ValueString()))...)
}
