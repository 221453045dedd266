package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafkatest"
)

// identified makes one object of each kind that an identity leads to.
func identified(t *testing.T, c *kafkatest.Cluster) {
	t.Helper()
	c.CreateTopic("raw.web.clicked", 2, map[string]string{"cleanup.policy": "compact"})
	grantOutside(t, c, "refine", kadm.OpRead)
	quota := kadm.AlterClientQuotaEntry{
		Entity: quotaEntity{user: "refine", clientID: defaultEntity}.components(),
		Ops:    []kadm.AlterClientQuotaOp{{Key: limitProducer, Value: 1048576}},
	}
	if _, err := c.Admin().AlterClientQuotas(t.Context(), []kadm.AlterClientQuotaEntry{quota}); err != nil {
		t.Fatal(err)
	}
	alterSCRAM(t, c, nil, []kadm.UpsertSCRAM{{User: "refine", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "some-secret"}})
}

// An identity leads to the object and back, and parts left out are what the
// resource's own defaults are.
func TestImportByIdentity(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	identified(t, c)
	p := protocolTo(t, c, nil)
	for typeName, imported := range map[string]struct{ given, identity, state map[string]string }{
		"headwater_topic": {
			given:    map[string]string{"name": "raw.web.clicked"},
			identity: map[string]string{"name": "raw.web.clicked"},
			state:    map[string]string{"name": "raw.web.clicked"},
		},
		"headwater_acl": {
			given: map[string]string{"principal": "User:refine", "resource_type": "TOPIC", "resource_name": "raw.web.clicked"},
			identity: map[string]string{
				"principal": "User:refine", "host": "*", "permission_type": "ALLOW",
				"resource_type": "TOPIC", "pattern_type": "LITERAL", "resource_name": "raw.web.clicked",
			},
			state: map[string]string{"operations": "READ", "pattern_type": "LITERAL"},
		},
		"headwater_quota": {
			given:    map[string]string{"user": "refine", "client_id": "<default>"},
			identity: map[string]string{"user": "refine", "client_id": "<default>"},
		},
		"headwater_scram_credential": {
			given:    map[string]string{"username": "refine"},
			identity: map[string]string{"username": "refine", "mechanism": "SCRAM-SHA-512"},
			state:    map[string]string{"username": "refine", "mechanism": "SCRAM-SHA-512"},
		},
	} {
		state, identity := p.importIdentity(typeName, imported.given)
		if diff := cmp.Diff(imported.identity, identity); diff != "" {
			t.Errorf("identity of %s (-want +got):\n%s", typeName, diff)
		}
		for name, want := range imported.state {
			if state[name] != want {
				t.Errorf("%s: %s is %q, want %q", typeName, name, state[name], want)
			}
		}
	}
}

// The same, by Terraform itself: an import block with an identity and no id plans
// to bring the topic in and change nothing.
func TestImportBlockWithIdentity(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	acceptFrom(t, tfversion.Version1_12_0,
		resource.TestStep{
			Config: on(c, topic("raw.web.clicked", 2, "")),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectIdentity(testTopic, map[string]knownvalue.Check{"name": knownvalue.StringExact("raw.web.clicked")}),
			},
		},
		resource.TestStep{
			ResourceName: testTopic, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity,
		},
	)
}

// A subject is found by its identity too.
func TestImportSubjectByIdentity(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	g.put(t, "raw.web.clicked-value", `"string"`)
	identity := map[string]string{"subject": "raw.web.clicked-value"}
	state, found := protocolTo(t, nil, g).importIdentity("headwater_schema_subject", identity)
	if diff := cmp.Diff(identity, found); diff != "" || state["schema"] != `"string"` {
		t.Errorf("state %v, identity (-want +got):\n%s", state, diff)
	}
}

func grantOutside(t *testing.T, c *kafkatest.Cluster, name string, operation kadm.ACLOperation) {
	t.Helper()
	grant := kadm.NewACLs().Allow("User:" + name).AllowHosts().Topics("raw.web.clicked").ResourcePatternType(kadm.ACLPatternLiteral).Operations(operation)
	if _, err := c.Admin().CreateACLs(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
}
