package main

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafkatest"
)

const testACL = "headwater_acl.test"

func acl(rest string) string { return "resource \"headwater_acl\" \"test\" {\n" + rest + "\n}\n" }

// An ACL's whole life: create, grow and shrink in place without touching what
// others granted, import, made good after it was deleted outside.
func TestACLLifecycle(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	first := acl(`
  principal     = "User:refine"
  operations    = ["READ", "DESCRIBE"]
  resource_type = "TOPIC"
  resource_name = "raw.checkout.order-placed"`)
	second := acl(`
  principal     = "User:refine"
  operations    = ["READ", "WRITE"]
  resource_type = "TOPIC"
  resource_name = "raw.checkout.order-placed"`)
	foreign := kadm.NewACLs().Allow("User:refine").AllowHosts("*").Topics("raw.checkout.order-placed").
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpAlter)
	accept(t,
		resource.TestStep{
			Config: on(c, first),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			Check: grants(c, "DESCRIBE", "READ"),
		},
		resource.TestStep{
			ResourceName: testACL, ImportState: true, ImportStateId: "User:refine|*|ALLOW|TOPIC|LITERAL|raw.checkout.order-placed",
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "resource_name",
		},
		resource.TestStep{
			PreConfig: func() {
				if _, err := c.Admin().CreateACLs(context.Background(), foreign); err != nil {
					t.Fatal(err)
				}
			},
			Config: on(c, second),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testACL, plancheck.ResourceActionUpdate)},
			},
			Check: grants(c, "ALTER", "READ", "WRITE"),
		},
		resource.TestStep{
			PreConfig: func() {
				everything := kadm.NewACLs().Allow("User:refine").AllowHosts("*").Topics("raw.checkout.order-placed").
					ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpAny)
				if _, err := c.Admin().DeleteACLs(context.Background(), everything); err != nil {
					t.Fatal(err)
				}
			},
			Config: on(c, second),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testACL, plancheck.ResourceActionCreate)},
			},
			Check: grants(c, "READ", "WRITE"),
		},
	)
}

// The cluster has one name, which nobody should have to know; a prefix and a
// transactional id go through the same way.
func TestACLResourceTypes(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	accept(t, resource.TestStep{
		Config: on(c, `
resource "headwater_acl" "cluster" {
  principal     = "User:analytics"
  operations    = ["IDEMPOTENT_WRITE"]
  resource_type = "CLUSTER"
}
resource "headwater_acl" "transactional_id" {
  principal     = "User:refine"
  operations    = ["WRITE", "DESCRIBE"]
  resource_type = "TRANSACTIONAL_ID"
  resource_name = "refine"
  pattern_type  = "PREFIXED"
}
resource "headwater_acl" "denied" {
  principal       = "User:analytics"
  permission_type = "DENY"
  operations      = ["ALL"]
  resource_type   = "GROUP"
  resource_name   = "*"
}`),
		Check: resource.TestCheckResourceAttr("headwater_acl.cluster", "resource_name", "kafka-cluster"),
	})
}

// What Kafka would refuse, or silently take as something else, fails in the plan.
func TestACLRefusals(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	refuse := func(body, message string) resource.TestStep {
		return resource.TestStep{Config: on(c, acl(body)), PlanOnly: true, ExpectError: flexible(message)}
	}
	accept(t,
		refuse("principal = \"User:a\"\noperations = [\"REED\"]\nresource_type = \"TOPIC\"\nresource_name = \"x\"", `did you mean "READ"`),
		refuse("principal = \"User:a\"\noperations = [\"WRITE\"]\nresource_type = \"GROUP\"\nresource_name = \"x\"", `"WRITE" is not an operation on a GROUP`),
		refuse("principal = \"refine\"\noperations = [\"READ\"]\nresource_type = \"TOPIC\"\nresource_name = \"x\"", "such as User:refine"),
		refuse("principal = \"User:a\"\noperations = [\"READ\"]\nresource_type = \"TOPIC\"", "needs resource_name"),
		refuse("principal = \"User:a\"\noperations = [\"CREATE\"]\nresource_type = \"CLUSTER\"\nresource_name = \"x\"", "leave resource_name out"),
		refuse("principal = \"User:a\"\noperations = []\nresource_type = \"TOPIC\"\nresource_name = \"x\"", "at least 1"),
	)
}

func grants(c *kafkatest.Cluster, want ...string) resource.TestCheckFunc {
	return func(*terraformState) error {
		all, err := describeACLs(context.Background(), connectTo(c), anyACL)
		if err != nil {
			return err
		}
		var got []string
		for _, acls := range all {
			for _, acl := range acls {
				got = append(got, acl.operation.String())
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("the cluster grants %v, want %v", got, want)
		}
		return nil
	}
}
