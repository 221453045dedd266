package main

import (
	"regexp"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"pgregory.net/rapid"
)

// An id must be one that Kafka's tools take, stay as it is, and change with what
// it is for. It needs no cluster.
func TestUUIDLifecycle(t *testing.T) {
	t.Parallel()
	const test = "headwater_uuid.test"
	config := func(node string) string {
		return requireProvider + `resource "headwater_uuid" "test" { keepers = { node = "` + node + `" } }`
	}
	accept(t,
		resource.TestStep{
			Config: config("controller-0"),
			Check: resource.ComposeTestCheckFunc(
				resource.TestMatchResourceAttr(test, "id", regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{21}$`)),
				resource.TestMatchResourceAttr(test, "rfc4122", regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)),
			),
			ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
		},
		resource.TestStep{
			Config: config("controller-1"),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(test, plancheck.ResourceActionReplace)},
			},
		},
		resource.TestStep{
			Config:           requireProvider + `resource "headwater_uuid" "test" {}`,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(test, plancheck.ResourceActionUpdate)}},
		},
		resource.TestStep{
			Config:           config("controller-2"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(test, plancheck.ResourceActionUpdate)}},
		},
		resource.TestStep{ResourceName: test, ImportState: true, ImportStateVerify: true, ImportStateVerifyIgnore: []string{"keepers"}},
		resource.TestStep{ResourceName: test, ImportState: true, ImportStateId: "controller-1", ExpectError: flexible("neither 22 characters of base64")},
	)
}

// Both forms of an id are one id, and what Kafka would not take is drawn again.
func TestKafkaIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		for _, text := range []string{kafkaID(id), id.String()} {
			if got, err := parseKafkaID(text); err != nil || got != id {
				t.Fatalf("%q became %v, %v", text, got, err)
			}
		}
	})
	refused := []uuid.UUID{{}, {15: 99}, {0: 0xf8, 1: 1}, {0: 0xfb}}
	drawn := 0
	got, err := drawKafkaID(func() (uuid.UUID, error) {
		drawn++
		if drawn <= len(refused) {
			return refused[drawn-1], nil
		}
		return uuid.UUID{15: 100}, nil
	})
	if want := (uuid.UUID{15: 100}); err != nil || got != want || drawn != len(refused)+1 {
		t.Errorf("drew %v (%s) after %d, %v", got, kafkaID(got), drawn, err)
	}
}
