package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/twmb/franz-go/pkg/sr"
)

func subjectConfig(rest string) string {
	return fmt.Sprintf("resource \"headwater_schema_subject_config\" \"test\" {\n  subject = \"s\"\n  %s\n}\n", rest)
}

func wholeConfig(rest string) string {
	return fmt.Sprintf("resource \"headwater_schema_registry_config\" \"test\" {\n  %s\n}\n", rest)
}

// hasMode checks a subject's own mode, an empty one for none.
func (g *testRegistry) hasMode(subject, want string) resource.TestCheckFunc {
	return func(*terraformState) error {
		got := g.Mode(context.Background(), subject)[0]
		if text := got.Mode.String(); got.Err == nil && text != want || got.Err != nil && want != "" {
			return fmt.Errorf("mode of %q is %s (%w), want %s", subject, text, got.Err, want)
		}
		return nil
	}
}

// A subject's settings are set, changed, imported, set again after somebody took
// them away, and gone after destroy; a mode that is set is in force.
func TestSubjectConfigLifecycle(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	both := "compatibility_level = \"FULL\"\n  mode = \"READONLY\""
	accept(
		t,
		resource.TestStep{Config: g.with(subject(orderV1, ""))},
		resource.TestStep{Config: g.with(subjectConfig("")), PlanOnly: true, ExpectError: flexible("At least one of these attributes must be configured")},
		resource.TestStep{Config: g.with(subject(orderV1, "") + subjectConfig(both)), Check: resource.ComposeTestCheckFunc(g.hasLevel("s", sr.CompatFull), g.hasMode("s", "READONLY"))},
		resource.TestStep{Config: g.with(subject(orderV1, "") + subjectConfig(both)), ConfigPlanChecks: emptyPlan()},
		resource.TestStep{Config: g.with(subject(orderV2, "") + subjectConfig(both)), ExpectError: flexible("read-only mode")},
		resource.TestStep{
			ResourceName: "headwater_schema_subject_config.test", ImportState: true, ImportStateId: "s", ImportStateVerify: true,
			ImportStateVerifyIdentifierAttribute: "subject",
		},
		resource.TestStep{
			PreConfig: func() { g.ResetMode(context.Background(), "s"); g.ResetCompatibility(context.Background(), "s") },
			Config:    g.with(subject(orderV1, "") + subjectConfig(`compatibility_level = "FORWARD"`)),
			Check:     resource.ComposeTestCheckFunc(g.hasLevel("s", sr.CompatForward), g.hasMode("s", "")),
		},
		resource.TestStep{Config: g.with(subject(orderV1, "")), Check: g.hasLevel("s", 0)},
	)
}

// The registry's own settings are set, seen when they drift, imported, and stay
// when the resource goes.
func TestRegistryConfigLifecycle(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	both := g.with(wholeConfig("compatibility_level = \"FULL_TRANSITIVE\"\n  mode = \"READWRITE\""))
	accept(
		t,
		resource.TestStep{Config: both, Check: resource.ComposeTestCheckFunc(g.hasLevel("", sr.CompatFullTransitive), g.hasMode("", "READWRITE"))},
		resource.TestStep{Config: both, ConfigPlanChecks: emptyPlan()},
		resource.TestStep{
			PreConfig: func() {
				g.SetCompatibility(context.Background(), sr.SetCompatibility{Level: sr.CompatNone})
			},
			Config: both, Check: g.hasLevel("", sr.CompatFullTransitive),
		},
		resource.TestStep{
			ResourceName: "headwater_schema_registry_config.test", ImportState: true, ImportStateId: "registry", ImportStateVerify: true,
			ImportStateVerifyIdentifierAttribute: "compatibility_level",
		},
		resource.TestStep{Config: g.with(wholeConfig(`mode = "READONLY"`)), Check: resource.ComposeTestCheckFunc(g.hasLevel("", sr.CompatFullTransitive), g.hasMode("", "READONLY"))},
		resource.TestStep{Config: g.with(""), Check: g.hasLevel("", sr.CompatFullTransitive)},
	)
}

// A real registry takes the levels, and a mode that it does not have is refused in
// the plan.
func TestApicurioConfig(t *testing.T) {
	g := startApicurio(t)
	g.global(t, sr.CompatFullTransitive)
	accept(
		t,
		resource.TestStep{Config: g.with(subjectConfig(`mode = "READONLY"`)), PlanOnly: true, ExpectError: flexible("The schema registry has no modes")},
		resource.TestStep{Config: g.with(wholeConfig(`compatibility_level = "BACKWARD"`)), Check: g.hasLevel("", sr.CompatBackward)},
		resource.TestStep{Config: g.with(subject(orderV1, "") + subjectConfig(`compatibility_level = "FORWARD"`)), Check: g.hasLevel("s", sr.CompatForward)},
		resource.TestStep{Config: g.with(subject(orderV1, "") + subjectConfig(`compatibility_level = "FORWARD"`)), ConfigPlanChecks: emptyPlan()},
		resource.TestStep{Config: g.with(subject(orderV1, ""))},
	)
}
