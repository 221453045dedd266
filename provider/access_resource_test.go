package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"headwater.internal/platform/internal/kafkatest"
)

const testAccess = "headwater_access.test"

func access(rest string) string {
	return "resource \"headwater_access\" \"test\" {\n" + rest + "\n}\n"
}

// expects is a plan that does this to the resource.
func expects(address string, action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)}}
}

// A role's whole life: its ACLs stand in the plan, it changes its role in place
// without touching what others granted, it is imported, and what was deleted
// outside comes back.
func TestAccessLifecycle(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	processor := access(`
  principal         = "User:refine"
  role              = "processor"
  reads             = ["raw.*", "state.refine"]
  writes            = ["processed.customer-events", "state.refine"]
  groups            = ["refine"]
  transactional_ids = ["refine-*"]`)
	consumer := access(`
  principal = "User:refine"
  role      = "consumer"
  reads     = ["raw.*"]
  groups    = ["refine"]`)
	foreign := kadm.NewACLs().Allow("User:refine").AllowHosts("*").Topics("processed.customer-events").
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpAlter)
	accept(t,
		resource.TestStep{
			Config: on(c, processor),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectKnownValue(testAccess, tfjsonpath.New("acls"), knownvalue.SetExact([]knownvalue.Check{
					shownACL("TOPIC", "raw.", "PREFIXED", "DESCRIBE", "READ"),
					shownACL("TOPIC", "state.refine", "LITERAL", "DESCRIBE", "READ", "WRITE"),
					shownACL("TOPIC", "processed.customer-events", "LITERAL", "DESCRIBE", "WRITE"),
					shownACL("GROUP", "refine", "LITERAL", "DESCRIBE", "READ"),
					shownACL("TRANSACTIONAL_ID", "refine-", "PREFIXED", "DESCRIBE", "WRITE"),
				}))},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			Check: holdsACLs(c,
				"TOPIC raw. DESCRIBE", "TOPIC raw. READ",
				"TOPIC state.refine DESCRIBE", "TOPIC state.refine READ", "TOPIC state.refine WRITE",
				"TOPIC processed.customer-events DESCRIBE", "TOPIC processed.customer-events WRITE",
				"GROUP refine DESCRIBE", "GROUP refine READ",
				"TRANSACTIONAL_ID refine- DESCRIBE", "TRANSACTIONAL_ID refine- WRITE",
			),
		},
		resource.TestStep{
			ResourceName: testAccess, ImportState: true, ImportStateId: "processor|User:refine",
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "principal",
		},
		resource.TestStep{
			PreConfig: func() { createACLs(t, c, foreign) },
			Config:    on(c, consumer), ConfigPlanChecks: expects(testAccess, plancheck.ResourceActionUpdate),
			Check: holdsACLs(c,
				"TOPIC raw. DESCRIBE", "TOPIC raw. READ", "GROUP refine DESCRIBE", "GROUP refine READ",
				"TOPIC processed.customer-events ALTER",
			),
		},
		resource.TestStep{ // one of its ACLs deleted outside
			PreConfig: func() {
				deleteACLs(t, c, kadm.NewACLs().Allow("User:refine").AllowHosts("*").Groups("refine").
					ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead))
			},
			Config: on(c, consumer), ConfigPlanChecks: expects(testAccess, plancheck.ResourceActionUpdate),
			Check: holdsACLs(c,
				"TOPIC raw. DESCRIBE", "TOPIC raw. READ", "GROUP refine DESCRIBE", "GROUP refine READ",
				"TOPIC processed.customer-events ALTER",
			),
		},
		resource.TestStep{ // all of them deleted outside
			PreConfig: func() { deleteACLs(t, c, everyACL("User:refine")) },
			Config:    on(c, consumer), ConfigPlanChecks: expects(testAccess, plancheck.ResourceActionCreate),
			Check: holdsACLs(c, "TOPIC raw. DESCRIBE", "TOPIC raw. READ", "GROUP refine DESCRIBE", "GROUP refine READ"),
		},
		resource.TestStep{Config: on(c, "data \"headwater_cluster\" \"this\" {}"), Check: holdsACLs(c)},
	)
}

// A producer with and without transactions, and all of a kind by "*".
func TestAccessRoles(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	accept(t, resource.TestStep{
		Config: on(c, `
resource "headwater_access" "collect" {
  principal = "User:collect"
  role      = "producer"
  writes    = ["*"]
}
resource "headwater_access" "ledger" {
  principal         = "User:ledger"
  host              = "10.0.0.1"
  role              = "transactional_producer"
  writes            = ["headwater.ledger"]
  transactional_ids = ["ledger"]
}`),
		Check: holdsACLs(c,
			"TOPIC * DESCRIBE", "TOPIC * WRITE",
			"TOPIC headwater.ledger DESCRIBE", "TOPIC headwater.ledger WRITE",
			"TRANSACTIONAL_ID ledger DESCRIBE", "TRANSACTIONAL_ID ledger WRITE",
		),
	})
}

// A list that the role lacks, a missing one, and an ACL that two would own are
// refused in the plan.
func TestAccessRefusals(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	refuse := func(body, message string) resource.TestStep {
		return resource.TestStep{Config: on(c, body), PlanOnly: true, ExpectError: flexible(message)}
	}
	consumer := access("principal = \"User:a\"\nrole = \"consumer\"\nreads = [\"x\"]")
	accept(t,
		refuse(access("principal = \"User:a\"\nrole = \"consumer\"\nwrites = [\"x\"]\nreads = [\"x\"]"), "A consumer has no writes"),
		refuse(access("principal = \"User:a\"\nrole = \"processor\"\nreads = [\"x\"]\nwrites = [\"x\"]\ngroups = [\"a\"]"), "A processor needs transactional_ids"),
		refuse(access("principal = \"User:a\"\nrole = \"reader\"\nreads = [\"x\"]"), "value must be one of"),
		refuse(access("principal = \"a\"\nrole = \"consumer\"\nreads = [\"x\"]"), "such as User:refine"),
		refuse(consumer+acl("principal = \"User:a\"\noperations = [\"READ\"]\nresource_type = \"TOPIC\"\nresource_name = \"x\""), "declared twice in this configuration"),
		refuse(consumer+strings.Replace(consumer, "test", "other", 1), "declared twice in this configuration"),
		refuse(consumer+strings.NewReplacer("test", "other", `["x"]`, `["x", "y"]`).Replace(consumer), "declared twice in this configuration"),
	)
}

// What moves from headwater_acl to headwater_access in one apply must be there
// afterwards, whichever of the two Terraform takes first.
func TestAccessTakesOverACL(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	var acls, accesses string
	var want []string
	for i := range 10 {
		acls += fmt.Sprintf(`
resource "headwater_acl" "a%d" {
  principal     = "User:a"
  operations    = ["READ", "DESCRIBE"]
  resource_type = "TOPIC"
  resource_name = "topic-%d"
}`, i, i)
		accesses += fmt.Sprintf(`
resource "headwater_access" "a%d" {
  principal = "User:a"
  role      = "consumer"
  reads     = ["topic-%d"]
}`, i, i)
		want = append(want, fmt.Sprintf("TOPIC topic-%d DESCRIBE", i), fmt.Sprintf("TOPIC topic-%d READ", i))
	}
	accept(t,
		resource.TestStep{Config: on(c, acls), Check: holdsACLs(c, want...)},
		resource.TestStep{Config: on(c, accesses), Check: holdsACLs(c, want...)},
	)
}

// What a hundred resources ask for at once must go out in a few requests and come
// back to each of them; an entry that one grants in the walk stays although
// another revokes it.
func TestACLWritesAreBatched(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	c.Fake()
	inst := newInstance(settings{kafka: c.Config, requestTimeout: defaultRequestTimeout})
	entry := func(i int) []aclEntry {
		m := accessModel{Principal: types.StringValue("User:a"), Host: types.StringValue(anyHost)}
		return []aclEntry{m.entry(accessLists[0].pattern(fmt.Sprintf("topic-%d", i)), kmsg.ACLOperationRead)}
	}
	together := func(write func(int) error) {
		t.Helper()
		c.ResetRequests()
		var all errgroup.Group
		for i := range 100 {
			all.Go(func() error { return write(i) })
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	together(func(i int) error { return inst.grantACLs(t.Context(), entry(i)) })
	if n := c.Requests()["CreateACLs"]; n == 0 || n > 10 {
		t.Errorf("100 grants took %d requests, want 1 to 10", n)
	}
	if err := inst.revokeACLs(t.Context(), entry(0)); err != nil {
		t.Fatal(err)
	}
	if err := holdsEntries(c, 100); err != nil {
		t.Error(err)
	}
	inst = newInstance(inst.settings) // the next walk
	together(func(i int) error { return inst.revokeACLs(t.Context(), entry(i)) })
	if n := c.Requests()["DeleteACLs"]; n == 0 || n > 10 {
		t.Errorf("100 revocations took %d requests, want 1 to 10", n)
	}
	if err := holdsEntries(c, 0); err != nil {
		t.Error(err)
	}
}

func holdsEntries(c *kafkatest.Cluster, want int) error {
	all, err := describeACLs(context.Background(), connectTo(c), anyACL)
	if got := len(entriesAbout(all)); err == nil && got != want {
		err = fmt.Errorf("the cluster has %d ACLs, want %d", got, want)
	}
	return err
}

func shownACL(kind, name, pattern string, operations ...string) knownvalue.Check {
	var names []knownvalue.Check
	for _, operation := range operations {
		names = append(names, knownvalue.StringExact(operation))
	}
	return knownvalue.ObjectExact(map[string]knownvalue.Check{
		"resource_type": knownvalue.StringExact(kind), "resource_name": knownvalue.StringExact(name),
		"pattern_type": knownvalue.StringExact(pattern), "operations": knownvalue.SetExact(names),
	})
}

// holdsACLs expects exactly these ACLs, as type, name and operation.
func holdsACLs(c *kafkatest.Cluster, want ...string) resource.TestCheckFunc {
	return func(*terraformState) error {
		all, err := describeACLs(context.Background(), connectTo(c), anyACL)
		if err != nil {
			return err
		}
		var got []string
		for _, e := range entriesAbout(all) {
			got = append(got, fmt.Sprintf("%s %s %s", e.pattern.resourceType, e.pattern.name, e.operation))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("the cluster has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		return nil
	}
}

func createACLs(t *testing.T, c *kafkatest.Cluster, b *kadm.ACLBuilder) {
	t.Helper()
	results, err := c.Admin().CreateACLs(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

func deleteACLs(t *testing.T, c *kafkatest.Cluster, b *kadm.ACLBuilder) {
	t.Helper()
	if _, err := c.Admin().DeleteACLs(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}

// everyACL matches all that a principal has.
func everyACL(principal string) *kadm.ACLBuilder {
	return kadm.NewACLs().Allow(principal).AllowHosts().AnyResource().
		ResourcePatternType(kadm.ACLPatternAny).Operations(kadm.OpAny)
}
