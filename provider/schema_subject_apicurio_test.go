package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/kafkatest"
	"headwater.internal/platform/internal/schema"
)

// startApicurio is a real registry, in the shape of our own.
func startApicurio(t *testing.T) *testRegistry {
	t.Helper()
	g := &testRegistry{url: kafkatest.Registry(t)}
	var err error
	if g.Client, err = sr.NewClient(sr.URLs(g.url)); err != nil {
		t.Fatal(err)
	}
	return g
}

// global sets the level of subjects without one, until the test ends.
func (g *testRegistry) global(t *testing.T, level sr.CompatibilityLevel) {
	t.Helper()
	before := g.Compatibility(t.Context())[0]
	if err := g.SetCompatibility(t.Context(), sr.SetCompatibility{Level: level})[0].Err; err != nil || before.Err != nil {
		t.Fatal(err, before.Err)
	}
	t.Cleanup(func() { g.SetCompatibility(context.Background(), sr.SetCompatibility{Level: before.Level}) })
}

// history is what a subject of each type goes through: each text is taken after
// the ones before it, but for the last, which the level's rule refuses.
type subjectHistory struct {
	kind  sr.SchemaType
	texts []string
	rule  string // in the diagnostic
}

func avroOrder(fields ...string) string {
	return `{"type":"record","name":"Order","fields":[` + strings.Join(fields, ",") + `]}`
}

func protoOrder(fields string) string { return `syntax = "proto3"; message Order { ` + fields + ` }` }

func jsonOrder(sum, words string) string {
	return fmt.Sprintf(`{"type":"object","description":%q,"properties":{"sum":{"type":%q}},"additionalProperties":false}`, words, sum)
}

const (
	avroID       = `{"name":"id","type":"string"}`
	avroNote     = `{"name":"note","type":"string","default":""}`
	avroNoteMust = `{"name":"note","type":"string"}`
)

// histories are three types at the seven levels. Those of the transitive levels
// end in a schema that fits the latest version and not the first.
func histories() map[sr.CompatibilityLevel][]subjectHistory {
	grown := subjectHistory{sr.TypeAvro, []string{avroOrder(avroID), avroOrder(avroID, avroNote), avroOrder(avroID, avroNoteMust)}, schema.RuleMissingDefault}
	shrunk := subjectHistory{sr.TypeAvro, []string{avroOrder(avroID, avroNoteMust), avroOrder(avroID, avroNote), avroOrder(avroID)}, schema.RuleMissingDefault}
	proto := subjectHistory{sr.TypeProtobuf, []string{protoOrder("string id = 1;"), protoOrder("string id = 1; string note = 2;"), protoOrder("int64 id = 1;")}, "new version of the protobuf artifact is not"}
	// Apicurio takes a field that goes as forward compatible, and one that comes not.
	protoForward := subjectHistory{sr.TypeProtobuf, []string{proto.texts[1], proto.texts[0], proto.texts[2]}, proto.rule}
	json := subjectHistory{sr.TypeJSON, []string{jsonOrder("number", "An order."), jsonOrder("number", "What was ordered."), jsonOrder("string", "An order.")}, "SUBSCHEMA_TYPE_CHANGED at /properties/sum"}
	return map[sr.CompatibilityLevel][]subjectHistory{
		sr.CompatBackward: {
			{sr.TypeAvro, []string{avroOrder(avroID), avroOrder(avroID, avroNote), avroOrder(avroID, `{"name":"sum","type":"long"}`)}, schema.RuleMissingDefault}, proto, json,
		},
		sr.CompatForward:            {{sr.TypeAvro, []string{avroOrder(avroID), avroOrder(avroID, avroNoteMust), avroOrder(avroNoteMust)}, schema.RuleMissingDefault}, protoForward, json},
		sr.CompatFull:               {{sr.TypeAvro, []string{avroOrder(avroID), avroOrder(avroID, avroNote), avroOrder(avroNote)}, schema.RuleMissingDefault}, proto, json},
		sr.CompatBackwardTransitive: {grown, proto, json},
		sr.CompatForwardTransitive:  {shrunk, protoForward, json},
		sr.CompatFullTransitive:     {grown, proto, json},
	}
}

// At each level and for each type, what the registry takes is planned and applied,
// and what it refuses is refused in the plan with the rule, and in an apply that
// comes without one, which leaves level and versions as they were.
func TestApicurioLevels(t *testing.T) {
	g := startApicurio(t)
	g.global(t, sr.CompatNone)
	for level, all := range histories() {
		for _, h := range all {
			t.Run(fmt.Sprint(level, h.kind), func(t *testing.T) {
				name, last := fmt.Sprint("levels-", level, "-", h.kind), len(h.texts)-1
				for i, text := range h.texts[:last] {
					plan := subjectAt(name, h.kind, text, level.String())
					if diags := g.plan(t, plan, i > 0); diags.HasError() {
						t.Fatalf("plan of version %d: %v", i+1, diags)
					}
					if diags := g.apply(t, &plan, i > 0); diags.HasError() || plan.Version.ValueInt64() != int64(i+1) {
						t.Fatalf("apply of version %d: %v, %v", i+1, plan.Version, diags)
					}
				}
				bad := subjectAt(name, h.kind, h.texts[last], level.String())
				for verb, diags := range map[string]diag.Diagnostics{"plan": g.plan(t, bad, true), "apply": g.apply(t, &bad, true)} {
					if diags.ErrorsCount() != 1 || !strings.Contains(diags.Errors()[0].Detail(), h.rule) || !strings.Contains(diags.Errors()[0].Summary(), level.String()) {
						t.Errorf("%s of what %s refuses: %v", verb, level, diags)
					}
				}
				if versions, err := g.SubjectVersions(t.Context(), name); err != nil || len(versions) != last {
					t.Errorf("versions are %v, %v", versions, err)
				}
				if err := g.hasLevel(name, level)(nil); err != nil {
					t.Error(err)
				}
			})
		}
	}
	t.Run("NONE", func(t *testing.T) {
		for i, text := range []string{avroOrder(avroID), avroOrder(avroNoteMust)} {
			plan := subjectAt("levels-NONE", sr.TypeAvro, text, "NONE")
			if diags := append(g.plan(t, plan, i > 0), g.apply(t, &plan, i > 0)...); diags.HasError() {
				t.Error(diags)
			}
		}
	})
}

// A level NONE that the registry's own level overrules is told in the plan, and so
// is the schema that it refuses for that.
func TestApicurioNone(t *testing.T) {
	g := startApicurio(t)
	g.global(t, sr.CompatFullTransitive)
	plan := subjectAt("none", sr.TypeAvro, avroOrder(avroID), "NONE")
	if diags := g.apply(t, &plan, false); diags.HasError() {
		t.Fatal(diags)
	}
	var diags diag.Diagnostics
	g.resource().inst.warnNone(t.Context(), "none", plan.CompatibilityLevel, &diags)
	if diags.WarningsCount() != 1 || !strings.Contains(diags[0].Summary(), `NONE does not exempt "none"`) {
		t.Errorf("of a level NONE: %v", diags)
	}
	for _, level := range []string{"NONE", ""} {
		bad := subjectAt("none", sr.TypeAvro, orderBad, level)
		if diags := g.plan(t, bad, true); diags.ErrorsCount() != 1 || !strings.Contains(diags[0].Summary(), "incompatible at FULL_TRANSITIVE") {
			t.Errorf("level %q: %v", level, diags)
		}
	}
}

func subjectAt(name string, kind sr.SchemaType, text, level string) subjectModel {
	return subjectModel{
		Subject: types.StringValue(name), SchemaType: types.StringValue(kind.String()), Schema: types.StringValue(text), CompatibilityLevel: optionalString(level),
	}
}

// resource is the type in a walk of its own.
func (g *testRegistry) resource() *subjectResource {
	return &subjectResource{inst: newInstance(settings{registry: registrySettings{url: g.url}, requestTimeout: defaultRequestTimeout})}
}

func (g *testRegistry) plan(t *testing.T, plan subjectModel, exists bool) (diags diag.Diagnostics) {
	t.Helper()
	parsed, err := schema.Parse(schemaType(plan.SchemaType), plan.Schema.ValueString(), nil)
	if err != nil {
		t.Fatal(err)
	}
	g.resource().planRegistration(t.Context(), plan, parsed, exists, &diags)
	return diags
}

func (g *testRegistry) apply(t *testing.T, plan *subjectModel, exists bool) (diags diag.Diagnostics) {
	t.Helper()
	level := types.StringNull()
	if exists {
		level = plan.CompatibilityLevel
	}
	g.resource().write(t.Context(), plan, level, true, &diags)
	return diags
}

// A subject's life on a real registry, through Terraform: nothing to do after each
// step, a revert, an object that somebody deleted, both ways to destroy.
func TestApicurioLifecycle(t *testing.T) {
	g := startApicurio(t)
	named := func(text, rest string) string {
		return g.with(strings.Replace(subject(text, rest), `"s"`, `"life"`, 1))
	}
	level := `compatibility_level = "FULL_TRANSITIVE"`
	version := func(text, rest string, n int64) []resource.TestStep {
		return []resource.TestStep{
			{Config: named(text, rest), ConfigStateChecks: []statecheck.StateCheck{subjectValue("version", n)}},
			{Config: named(text, rest), ConfigPlanChecks: emptyPlan()},
		}
	}
	steps := version(orderV1, level, 1)
	steps = append(steps, resource.TestStep{Config: named(strings.ReplaceAll(orderV1, ":", " : "), level), ConfigPlanChecks: emptyPlan()})
	steps = append(steps, version(orderV2, level, 2)...)
	steps = append(steps, version(orderV1, level, 3)...)
	steps = append(steps,
		resource.TestStep{Config: named(orderBad, level), PlanOnly: true, ExpectError: flexible("READER_FIELD_MISSING_DEFAULT_VALUE at sum")},
		resource.TestStep{
			ResourceName: testSubject, ImportState: true, ImportStateId: "life", ImportStateVerify: true,
			ImportStateVerifyIdentifierAttribute: "subject", ImportStateVerifyIgnore: []string{"deletion_protection"},
		},
		resource.TestStep{
			PreConfig: func() {
				if _, err := g.DeleteSubject(context.Background(), "life", sr.SoftDelete); err != nil {
					t.Fatal(err)
				}
			},
			Config: named(orderV1, level), Check: g.hasLevel("life", sr.CompatFullTransitive),
		},
		resource.TestStep{Config: g.with(""), Check: g.remains("life", true)},
	)
	steps = append(steps, resource.TestStep{Config: named(orderV1, "hard_delete = true")}, resource.TestStep{Config: g.with(""), Check: g.remains("life", false)})
	accept(t, steps...)
}

// remains checks that a subject is deleted, and whether softly.
func (g *testRegistry) remains(subject string, softly bool) resource.TestCheckFunc {
	return func(*terraformState) error {
		live, err := g.SubjectVersions(context.Background(), subject)
		if err == nil {
			return fmt.Errorf("%s still has versions %v", subject, live)
		}
		deleted, err := g.SubjectVersions(sr.WithParams(context.Background(), sr.ShowDeleted), subject)
		if (err == nil && len(deleted) > 0) != softly {
			return fmt.Errorf("deleted versions of %s are %v, %w", subject, deleted, err)
		}
		return nil
	}
}

// A schema and what it refers to are made and changed in one plan, in each type.
func TestApicurioReferences(t *testing.T) {
	g := startApicurio(t)
	g.global(t, sr.CompatNone)
	for kind, pair := range map[string]struct{ name, money, changed, order string }{
		"AVRO": {
			"shared.Money", `{"type":"record","name":"Money","namespace":"shared","fields":[{"name":"micros","type":"long"}]}`,
			`{"type":"record","name":"Money","namespace":"shared","fields":[{"name":"micros","type":"long"},{"name":"currency","type":"string","default":"EUR"}]}`,
			avroOrder(`{"name":"sum","type":"shared.Money"}`),
		},
		"PROTOBUF": {
			"money.proto", `syntax = "proto3"; package shared; message Money { int64 micros = 1; }`,
			`syntax = "proto3"; package shared; message Money { int64 micros = 1; string currency = 2; }`,
			`syntax = "proto3"; import "money.proto"; message Order { shared.Money sum = 1; }`,
		},
		"JSON": {
			"money.json", `{"type":"object","properties":{"micros":{"type":"integer"}}}`,
			`{"type":"object","properties":{"micros":{"type":"integer"},"currency":{"type":"string"}}}`,
			`{"type":"object","properties":{"sum":{"$ref":"money.json"}}}`,
		},
	} {
		config := func(money string) string {
			return g.with(fmt.Sprintf(`
resource "headwater_schema_subject" "money" {
  subject             = "money-%[1]s"
  schema_type         = %[1]q
  schema              = %[2]q
  deletion_protection = false
}
resource "headwater_schema_subject" "test" {
  subject             = "order-%[1]s"
  schema_type         = %[1]q
  schema              = %[3]q
  deletion_protection = false
  hard_delete         = true
  references          = [{
    name    = %[4]q
    subject = headwater_schema_subject.money.subject
    version = headwater_schema_subject.money.version
  }]
}`, kind, money, pair.order, pair.name))
		}
		accept(
			t,
			resource.TestStep{Config: config(pair.money), ConfigStateChecks: []statecheck.StateCheck{subjectValue("version", 1)}},
			resource.TestStep{Config: config(pair.money), ConfigPlanChecks: emptyPlan()},
			resource.TestStep{Config: config(pair.changed), ConfigStateChecks: []statecheck.StateCheck{subjectValue("version", 2)}},
			resource.TestStep{Config: config(pair.changed), ConfigPlanChecks: emptyPlan()},
		)
	}
}
