package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"headwater.internal/platform/internal/kafkatest"
)

// The examples are what people copy from the documentation: each must plan.
func TestExamplesPlan(t *testing.T) {
	t.Setenv("TF_VAR_refine_password", "secret")
	c := kafkatest.Start(t)
	c.CreateTopic("raw.web.clicked", 1, nil)
	for _, name := range []string{"access", "acl", "broker", "quota", "scram_credential", "topic", "uuid"} {
		t.Run(name, func(t *testing.T) {
			example, err := os.ReadFile(filepath.Join("examples", "resources", "headwater_"+name, "resource.tf"))
			if err != nil {
				t.Fatal(err)
			}
			accept(t, resource.TestStep{
				Config: requireProvider + on(c, string(example)), PlanOnly: true, ExpectNonEmptyPlan: true,
			})
		})
	}
}
