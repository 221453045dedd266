package main

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafkatest"
)

// A principal without a right must learn which one it lacks, on what: brokers say
// "authorization failed" to everything.
func TestMissingRightsAreNamed(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"), kafkatest.WithACLs())
	alterSCRAM(t, c, nil, []kadm.UpsertSCRAM{{User: "user", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "user-secret"}})
	c.CreateTopic("raw.web.clicked", 1, nil)
	lacks := func(body, right string) resource.TestStep {
		return resource.TestStep{Config: onUser(c, "user", "user-secret", body), ExpectError: flexible("principal User:user lacks " + right + ".")}
	}
	read := "data \"headwater_topic\" \"x\" { name = \"raw.web.clicked\" }\n"
	grant := acl("principal = \"User:a\"\noperations = [\"READ\"]\nresource_type = \"TOPIC\"\nresource_name = \"x\"")
	accept(t, lacks(read, `DESCRIBE on TOPIC "raw.web.clicked"`))
	allow(t, c, kadm.NewACLs().Topics("raw.web.clicked"), kadm.OpDescribe)
	accept(t, lacks(read, `DESCRIBE_CONFIGS on TOPIC "raw.web.clicked"`))
	accept(t, lacks(topic("raw.web.opened", 1, ""), `CREATE on TOPIC "raw.web.opened"`))
	accept(t, lacks(grant, "ALTER on CLUSTER"))
	accept(t, lacks(quota(`user = "a"`, "producer_byte_rate = 1"), "ALTER_CONFIGS on CLUSTER"))
	accept(t, lacks(`
resource "headwater_scram_credential" "test" {
  username            = "a"
  password_wo         = "a-secret"
  password_wo_version = 1
}`, "ALTER on CLUSTER"))
	accept(t, lacks("data \"headwater_effective_access\" \"x\" {\n  principal = \"User:a\"\n  resource_type = \"CLUSTER\"\n}\n", "DESCRIBE on CLUSTER"))
}

// allow gives the user a right outside the configuration.
func allow(t *testing.T, c *kafkatest.Cluster, b *kadm.ACLBuilder, operation kadm.ACLOperation) {
	t.Helper()
	createACLs(t, c, b.Allow("User:user").AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral).Operations(operation))
}
