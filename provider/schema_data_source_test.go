package main

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// The data source reads the latest version or the one asked for, with the level
// that holds, and says when there is none.
func TestSchemaDataSource(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	g.put(t, "s", orderV1)
	g.put(t, "s", orderV2)
	value := func(attribute string, want knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data.headwater_schema.test", tfjsonpath.New(attribute), want)
	}
	accept(
		t,
		resource.TestStep{
			Config: g.with(`data "headwater_schema" "test" { subject = "s" }`),
			ConfigStateChecks: []statecheck.StateCheck{
				value("version", knownvalue.Int64Exact(2)), value("schema_id", knownvalue.Int64Exact(2)),
				value("schema", knownvalue.StringExact(orderV2)), value("schema_type", knownvalue.StringExact("AVRO")),
				value("compatibility_level", knownvalue.StringExact("BACKWARD")),
			},
		},
		resource.TestStep{
			Config:            g.with("data \"headwater_schema\" \"test\" {\n  subject = \"s\"\n  version = 1\n}"),
			ConfigStateChecks: []statecheck.StateCheck{value("schema", knownvalue.StringExact(orderV1))},
		},
		resource.TestStep{
			Config:      g.with(`data "headwater_schema" "test" { subject = "none" }`),
			ExpectError: flexible("has no such subject"),
		},
	)
}
