package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/kafkatest"
)

// clusterACL is what somebody may do with the cluster, as a resource.
func clusterACL(name, principal, permission, operations string) string {
	return fmt.Sprintf(`
resource "headwater_acl" %q {
  principal       = %q
  permission_type = %q
  operations      = [%s]
  resource_type   = "CLUSTER"
}`, name, principal, permission, operations)
}

// A provider that no super user runs must not be able to take its own rights on
// ACLs away: not by a removal, not by a DENY, not by several resources together.
// What leaves it its rights must pass.
func TestLockoutIsRefused(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"), kafkatest.WithACLs())
	alterSCRAM(t, c, nil, []kadm.UpsertSCRAM{{User: "deployer", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "deployer-secret"}})
	own := clusterACL("own", "User:deployer", "ALLOW", `"ALTER", "DESCRIBE", "DESCRIBE_CONFIGS"`)
	spare := clusterACL("spare", "User:*", "ALLOW", `"ALTER", "DESCRIBE"`)
	as := func(body string) string { return onUser(c, "deployer", "deployer-secret", body+none) }
	refuse := func(body, message string) resource.TestStep {
		return resource.TestStep{Config: as(body), PlanOnly: true, ExpectError: flexible(message)}
	}
	accept(t,
		resource.TestStep{Config: onAs(c, own+none)}, // the super user gives the rights
		refuse("", "principal User:deployer would be locked out: no ACL would allow User:deployer ALTER on the CLUSTER any more"),
		refuse(clusterACL("own", "User:deployer", "ALLOW", `"DESCRIBE", "DESCRIBE_CONFIGS"`), "no ACL would allow User:deployer ALTER"),
		refuse(clusterACL("own", "User:deployer", "ALLOW", `"ALTER", "DESCRIBE_CONFIGS"`)+clusterACL("no", "User:*", "DENY", `"DESCRIBE"`), "would deny it DESCRIBE on the CLUSTER"),
		refuse(clusterACL("own", "User:other", "ALLOW", `"ALTER"`), "no ACL would allow User:deployer ALTER"),
		resource.TestStep{Config: as(own + clusterACL("no", "User:other", "DENY", `"ALL"`))},
		resource.TestStep{Config: as(own + spare)},
		refuse("", "would be locked out"), // either of the two might go, not both
		resource.TestStep{Config: as(clusterACL("own", "User:deployer", "ALLOW", `"DESCRIBE_CONFIGS"`) + spare)},
		resource.TestStep{Config: onAs(c, none)}, // a super user needs no ACL
	)
}

// none keeps a configuration from being empty.
const none = "\ndata \"headwater_cluster\" \"this\" {}\n"

// The brokers' ACLs of the moment count, not those of the plan: what was the
// second way in when the plan was made may be gone when it is applied.
func TestLockoutIsRefusedBeforeWriting(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"), kafkatest.WithACLs())
	alterSCRAM(t, c, nil, []kadm.UpsertSCRAM{{User: "deployer", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "deployer-secret"}})
	admin := newInstance(settings{kafka: c.Config, requestTimeout: defaultRequestTimeout})
	right := func(principal string, operation kmsg.ACLOperation) aclEntry {
		return aclEntry{principal, anyHost, kmsg.ACLPermissionTypeAllow, operation, theCluster}
	}
	first := []aclEntry{right("User:deployer", kmsg.ACLOperationAlter), right("User:deployer", kmsg.ACLOperationDescribe)}
	second := []aclEntry{right(everyone, kmsg.ACLOperationAlter), right(everyone, kmsg.ACLOperationDescribe)}
	if err := admin.grantACLs(t.Context(), append(first, second...)); err != nil {
		t.Fatal(err)
	}
	config := c.Config
	config.SASL.Username, config.SASL.Password = "deployer", "deployer-secret"
	deployer := newInstance(settings{kafka: config, requestTimeout: defaultRequestTimeout})
	if err := reaches(deployer); err != nil {
		t.Fatal(err)
	}
	if failed := admin.aclWriter.remove(t.Context(), second); len(failed) > 0 {
		t.Fatal(failed)
	}
	everyBrokerHas(t, c, 2)
	err := deployer.revokeACLs(t.Context(), first)
	if err == nil || !flexible("User:deployer would be locked out").MatchString(err.Error()) {
		t.Errorf("revoke the last rights: got %v, want a refusal", err)
	}
	if err := holdsEntries(c, 2); err != nil {
		t.Error(err)
	}
}

// everyBrokerHas waits until each broker knows of so many ACLs: real ones learn of
// a change one after the other.
func everyBrokerHas(t *testing.T, c *kafkatest.Cluster, want int) {
	t.Helper()
	client := c.Client()
	ask := kmsg.NewPtrDescribeACLsRequest()
	ask.ResourceType, ask.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	ask.Operation, ask.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	for _, broker := range client.SeedBrokers() {
		for tries := 0; ; tries++ {
			answer, err := broker.Request(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			have := 0
			for _, resource := range answer.(*kmsg.DescribeACLsResponse).Resources {
				have += len(resource.ACLs)
			}
			if have == want {
				break
			}
			if tries == 500 {
				t.Fatalf("a broker has %d ACLs, want %d", have, want)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// reaches waits until the brokers let the provider's principal read ACLs.
func reaches(inst *instance) (err error) {
	for range 100 {
		if _, err = inst.collector.acls.peek(context.Background()); err == nil {
			return nil
		}
	}
	return err
}

// The provider's own log-in is a lock too.
func TestOwnCredentialIsNotDeleted(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"))
	credential := `
resource "headwater_scram_credential" "own" {
  username            = "deployer"
  password_wo         = "deployer-secret"
  password_wo_version = 1
}`
	accept(t,
		resource.TestStep{Config: onAs(c, credential)},
		resource.TestStep{
			Config: onUser(c, "deployer", "deployer-secret", none), PlanOnly: true,
			ExpectError: flexible("the provider itself logs in with this credential"),
		},
		resource.TestStep{Config: onAs(c, none)},
	)
}
