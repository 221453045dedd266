package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/schema"
)

// testRegistry is our own registry on a loopback port, with its requests counted.
type testRegistry struct {
	*sr.Client
	url string

	mu       sync.Mutex
	requests []string
	broken   bool // answer 404 to the list endpoint, as registries without it do

	ignoresNumbers bool // register without looking at the version asked for, likewise
}

func startRegistry(t *testing.T) *testRegistry {
	t.Helper()
	store, err := schema.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g := &testRegistry{}
	handler := store.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		g.mu.Lock()
		g.requests = append(g.requests, req.Method+" "+req.URL.Path)
		hide := g.broken && req.URL.Path == "/schemas"
		g.mu.Unlock()
		if hide {
			http.NotFound(w, req)
			return
		}
		if g.ignoresNumbers && req.Method == http.MethodPost {
			body, _ := io.ReadAll(req.Body)
			req.Body = io.NopCloser(strings.NewReader(asked.ReplaceAllString(string(body), "")))
		}
		handler.ServeHTTP(w, req)
	}))
	t.Cleanup(func() {
		server.Close()
		store.Close()
	})
	g.url = server.URL
	if g.Client, err = sr.NewClient(sr.URLs(server.URL)); err != nil {
		t.Fatal(err)
	}
	return g
}

// asked is the version that a registration asks for.
var asked = regexp.MustCompile(`"version":\d+,`)

// count forgets and returns the requests since the last call.
func (g *testRegistry) count() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	requests := g.requests
	g.requests = nil
	return requests
}

func (g *testRegistry) put(t *testing.T, subject, text string) {
	t.Helper()
	if _, err := g.RegisterSchema(context.Background(), subject, sr.Schema{Schema: text}, -1, -1); err != nil {
		t.Fatal(err)
	}
}

// with prefixes a configuration with a provider block for the registry.
func (g *testRegistry) with(body string) string {
	return fmt.Sprintf("provider \"headwater\" {\n  schema_registry = { url = %q }\n  request_timeout = \"5s\"\n}\n%s", g.url, body)
}

const (
	testSubject = "headwater_schema_subject.test"
	orderV1     = `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}`
	orderV2     = `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"note","type":["null","string"],"default":null}]}`
	orderBad    = `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"sum","type":"long"}]}`
)

// subject declares an unprotected subject s with a schema and what else is given.
func subject(text, rest string) string {
	return fmt.Sprintf(`
resource "headwater_schema_subject" "test" {
  subject             = "s"
  schema              = %q
  deletion_protection = false
  %s
}
`, text, rest)
}

func subjectValue(attribute string, value int64) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(testSubject, tfjsonpath.New(attribute), knownvalue.Int64Exact(value))
}

func emptyPlan() resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
}

// A subject's whole life: create, nothing to do, white space, new version,
// import, deleted outside, back to the first schema, destroyed.
func TestSubjectLifecycle(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	level := `compatibility_level = "FULL_TRANSITIVE"`
	accept(
		t,
		resource.TestStep{
			Config:            g.with(subject(orderV1, level)),
			ConfigStateChecks: []statecheck.StateCheck{subjectValue("schema_id", 1), subjectValue("version", 1)},
		},
		resource.TestStep{Config: g.with(subject(orderV1, level)), ConfigPlanChecks: emptyPlan()},
		resource.TestStep{
			Config:           g.with(subject("{ \"fields\" : [{\"type\":{\"type\":\"string\"}, \"name\":\"id\"}],\n \"name\":\"Order\", \"type\":\"record\" }", level)),
			ConfigPlanChecks: emptyPlan(),
		},
		resource.TestStep{
			Config:            g.with(subject(orderV2, level)),
			ConfigStateChecks: []statecheck.StateCheck{subjectValue("schema_id", 2), subjectValue("version", 2)},
		},
		resource.TestStep{
			ResourceName: testSubject, ImportState: true, ImportStateId: "s", ImportStateVerify: true,
			ImportStateVerifyIdentifierAttribute: "subject", ImportStateVerifyIgnore: []string{"deletion_protection"},
		},
		resource.TestStep{
			PreConfig: func() {
				if _, err := g.DeleteSubject(context.Background(), "s", sr.SoftDelete); err != nil {
					t.Fatal(err)
				}
			},
			Config:            g.with(subject(orderV2, level)),
			ConfigStateChecks: []statecheck.StateCheck{subjectValue("schema_id", 2), subjectValue("version", 3)},
			Check:             g.hasLevel("s", sr.CompatFullTransitive),
		},
		resource.TestStep{Config: g.with(subject(orderV1, "")), Check: g.hasLevel("s", 0)},
		resource.TestStep{Config: g.with("")},
	)
	if subjects, err := g.Subjects(context.Background()); err != nil || len(subjects) > 0 {
		t.Errorf("left behind: %v, %v", subjects, err)
	}
}

// hasLevel checks a subject's own level in the registry, zero for none.
func (g *testRegistry) hasLevel(subject string, want sr.CompatibilityLevel) resource.TestCheckFunc {
	return func(*terraformState) error {
		got := g.Compatibility(context.Background(), subject)[0]
		if got.Level != want {
			return fmt.Errorf("level of %s is %s (%w), want %s", subject, got.Level, got.Err, want)
		}
		return nil
	}
}

// Going back to an older schema is one explicit step and then an empty plan, and
// so is a version that somebody else registered.
func TestSubjectRevert(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	accept(
		t,
		resource.TestStep{Config: g.with(subject(orderV1, ""))},
		resource.TestStep{Config: g.with(subject(orderV2, ""))},
		resource.TestStep{
			Config:            g.with(subject(orderV1, "")),
			ConfigStateChecks: []statecheck.StateCheck{subjectValue("schema_id", 1), subjectValue("version", 3)},
		},
		resource.TestStep{Config: g.with(subject(orderV1, "")), ConfigPlanChecks: emptyPlan()},
		resource.TestStep{
			PreConfig: func() {
				if _, err := g.RegisterSchema(context.Background(), "s", sr.Schema{Schema: orderV2}, 0, 4); err != nil {
					t.Fatal(err)
				}
			},
			Config:            g.with(subject(orderV1, "")),
			ConfigPlanChecks:  resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testSubject, plancheck.ResourceActionUpdate)}},
			ConfigStateChecks: []statecheck.StateCheck{subjectValue("version", 5)},
		},
		resource.TestStep{Config: g.with(subject(orderV1, "")), ConfigPlanChecks: emptyPlan()},
	)
}

// What the registry would refuse is refused in the plan, with rule and attribute,
// and nothing is written.
func TestSubjectRefusals(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	refused := func(body, message string) resource.TestStep {
		return resource.TestStep{Config: g.with(body), PlanOnly: true, ExpectError: flexible(message)}
	}
	proto := func(level string) string {
		return strings.Replace(subject(`syntax = "proto3"; message A { string b = 1; }`, `schema_type = "PROTOBUF"
  compatibility_level = "`+level+`"`), `"s"`, `"p"`, 1)
	}
	accept(
		t,
		resource.TestStep{Config: g.with(subject(orderV1, ""))},
		refused(subject(orderBad, ""), "READER_FIELD_MISSING_DEFAULT_VALUE at sum (BACKWARD against version 1)"),
		refused(subject(`{"type":"record"`, ""), `Schema of "s" is invalid`),
		refused(subject(orderV1, `compatibility_level = "SIDEWAYS"`), "compatibility_level value must be one of"),
		refused(subject(orderV1, `schema_type = "THRIFT"`), "schema_type value must be one of"),
		refused(proto("FULL"), "COMPATIBILITY_NOT_CHECKABLE at (root)"),
		resource.TestStep{Config: g.with(subject(orderBad, `compatibility_level = "NONE"`)), ConfigStateChecks: []statecheck.StateCheck{subjectValue("version", 2)}},
		resource.TestStep{Config: g.with(proto("NONE"))},
		refused(proto("BACKWARD"), "accepted only at compatibility level NONE"),
	)
}

// A protected subject is not destroyed, nor renamed away, until the protection is
// lifted by an apply of its own.
func TestSubjectProtection(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	protected := strings.Replace(subject(orderV1, ""), "deletion_protection = false", "", 1)
	accept(
		t,
		resource.TestStep{Config: g.with(protected)},
		resource.TestStep{Config: g.with(""), ExpectError: flexible(`Schema subject "s" is protected`)},
		resource.TestStep{Config: g.with(strings.Replace(protected, `"s"`, `"r"`, 1)), ExpectError: flexible(`Schema subject "s" is protected`)},
		resource.TestStep{Config: g.with(subject(orderV1, "hard_delete = true"))},
		resource.TestStep{Config: g.with("")},
	)
	if subjects, err := g.Subjects(sr.WithParams(context.Background(), sr.ShowDeleted)); err != nil || len(subjects) > 0 {
		t.Errorf("hard_delete left %v, %v", subjects, err)
	}
}

// A schema and the one it refers to are made, and changed, in one plan each, and
// the compatibility of the second is decided with the planned text of the first.
func TestSubjectReferences(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	pair := func(money string) string {
		return g.with(fmt.Sprintf(`
resource "headwater_schema_subject" "money" {
  subject             = "money"
  deletion_protection = false
  schema              = jsonencode({ type = "record", name = "Money", namespace = "shared", fields = %s })
  compatibility_level = "NONE"
}
%s`, money, subject(`{"type":"record","name":"Order","fields":[{"name":"sum","type":"shared.Money"}]}`, `
  references = [{
    name    = "shared.Money"
    subject = headwater_schema_subject.money.subject
    version = headwater_schema_subject.money.version
  }]`)))
	}
	micros := `{ name = "micros", type = "long" }`
	accept(
		t,
		resource.TestStep{Config: pair("[" + micros + "]"), ConfigStateChecks: []statecheck.StateCheck{subjectValue("version", 1)}},
		resource.TestStep{Config: pair("[" + micros + "]"), ConfigPlanChecks: emptyPlan()},
		resource.TestStep{
			Config:            pair("[" + micros + `, { name = "currency", type = "string", default = "EUR" }]`),
			ConfigStateChecks: []statecheck.StateCheck{subjectValue("version", 2)},
		},
		resource.TestStep{
			Config:      pair(`[{ name = "micros", type = "string" }]`),
			PlanOnly:    true,
			ExpectError: flexible("TYPE_MISMATCH at sum.micros"),
		},
	)
}
