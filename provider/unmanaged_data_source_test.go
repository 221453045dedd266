package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafkatest"
)

// What the configuration owns must not be listed, and what was made beside it
// must, in all five kinds: down to the one operation and the one limit. The state
// is one that Terraform itself wrote.
func TestUnmanaged(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"))
	g := startRegistry(t)
	empty := filepath.Join(t.TempDir(), "empty.tfstate")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	body := topic("raw.web.clicked", 1, "") + access(`
  principal = "User:a"
  role      = "consumer"
  reads     = ["raw.*"]`) + acl(`
  principal     = "User:b"
  operations    = ["READ"]
  resource_type = "TOPIC"
  resource_name = "raw.web.clicked"`) + quota(`user = "a"`, "producer_byte_rate = 1024") + `
resource "headwater_scram_credential" "test" {
  username            = "a"
  password_wo         = "a-secret"
  password_wo_version = 1
}` + subject(`"string"`, "")
	report := func(rest string) string {
		return onBoth(c, g, body+fmt.Sprintf("\ndata \"headwater_unmanaged\" \"this\" {\n  state_files = [\"${abspath(path.root)}/terraform.tfstate\", %q]\n  %s\n}\n", empty, rest))
	}
	const admin = `ignore = { users = ["adm*"], topics = ["_*"] }`
	data := func(attribute, value string) resource.TestCheckFunc {
		return resource.TestCheckResourceAttr("data.headwater_unmanaged.this", attribute, value)
	}
	accept(t,
		resource.TestStep{Config: onBoth(c, g, body)},
		resource.TestStep{Config: report(admin), Check: data("total", "0")},
		resource.TestStep{
			PreConfig: func() { makeUnmanaged(t, c, g) },
			Config:    report(admin),
			Check: resource.ComposeTestCheckFunc(
				data("topics.0", "raw.web.by-hand"),
				data("acls.#", "1"), data("acls.0.principal", "User:a"), data("acls.0.operation", "WRITE"), data("acls.0.resource_name", "raw.web.clicked"),
				data("quotas.#", "1"), data("quotas.0.user", "a"), data("quotas.0.limit", "consumer_byte_rate"),
				data("users.#", "1"), data("users.0.username", "by-hand"), data("users.0.mechanism", "SCRAM-SHA-256"),
				data("subjects.#", "1"), data("subjects.0", "by-hand-value"),
				data("total", "5"),
			),
		},
		resource.TestStep{
			Config: report(`ignore = { users = ["*"], topics = ["*.by-hand"], subjects = ["by-hand-*"] }`),
			Check:  data("total", "0"),
		},
		resource.TestStep{Config: report(`ignore = { users = ["[a"] }`), PlanOnly: true, ExpectError: flexible(`pattern "[a" does not end`)},
		resource.TestStep{
			Config:   onBoth(c, g, body+`data "headwater_unmanaged" "this" { state_files = ["/nowhere/terraform.tfstate"] }`),
			PlanOnly: true, ExpectError: flexible("Read the state: open /nowhere/terraform.tfstate"),
		},
		resource.TestStep{Config: onBoth(c, g, body)},
	)
}

// makeUnmanaged makes one object of each kind behind the configuration's back.
func makeUnmanaged(t *testing.T, c *kafkatest.Cluster, g *testRegistry) {
	t.Helper()
	c.CreateTopic("raw.web.by-hand", 1, nil)
	createACLs(t, c, kadm.NewACLs().Allow("User:a").AllowHosts("*").Topics("raw.web.clicked").
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite))
	alterQuota(t, c, "user=a", kadm.AlterClientQuotaOp{Key: limitConsumer, Value: 7})
	alterSCRAM(t, c, nil, []kadm.UpsertSCRAM{{User: "by-hand", Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "some-secret"}})
	g.put(t, "by-hand-value", `"string"`)
}

// onBoth is onAs with a schema registry.
func onBoth(c *kafkatest.Cluster, g *testRegistry, body string) string {
	return strings.Replace(onAs(c, body), "request_timeout", fmt.Sprintf("schema_registry = { url = %q }\n  request_timeout", g.url), 1)
}
