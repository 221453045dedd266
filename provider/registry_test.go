package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/schema"
)

func subjects(n int) string {
	return fmt.Sprintf(`
resource "headwater_schema_subject" "test" {
  count               = %d
  subject             = "s${count.index}"
  schema              = %q
  compatibility_level = "FULL_TRANSITIVE"
  deletion_protection = false
}
`, n, orderV1)
}

// A plan of n unchanged subjects costs one list and one level each, which is
// under the budget of two requests a subject.
func TestRefreshRequests(t *testing.T) {
	t.Parallel()
	const n = 20
	g := startRegistry(t)
	accept(
		t,
		resource.TestStep{Config: g.with(subjects(n))},
		resource.TestStep{
			PreConfig:        func() { g.count() },
			Config:           g.with(subjects(n)),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan(), atMost{t, g, n + 1}}},
		},
	)
}

// atMost fails when one refresh sent more requests than most. A refresh is told by its one list.
type atMost struct {
	t    *testing.T
	g    *testRegistry
	most int
}

// CheckPlan runs the check.
func (c atMost) CheckPlan(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse) {
	requests := c.g.count()
	lists := 0
	for _, r := range requests {
		if r == "GET /schemas" {
			lists++
		}
	}
	c.t.Logf("%d refreshes, %d requests", lists, len(requests))
	if lists == 0 || len(requests) > c.most*lists {
		c.t.Errorf("%d refreshes cost %d requests, want at most %d each: %v", lists, len(requests), c.most, requests)
	}
}

// Readers that ask at once share one load, a failed load is tried again, and a
// registry without the list endpoint costs two requests a subject.
func TestRegistryLoads(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	for i := range 10 {
		g.put(t, fmt.Sprint("s", i), orderV1)
	}
	g.count()
	readAll := func(r *registry) {
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				if s, found, err := r.latest.get(context.Background(), fmt.Sprint("s", i)); err != nil || !found || s.ID != 1 {
					t.Errorf("s%d: %+v, %v, %v", i, s, found, err)
				}
				if _, _, err := r.levels.get(context.Background(), fmt.Sprint("s", i)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	readAll(newRegistry(registrySettings{url: g.url}, defaultRequestTimeout))
	if requests := g.count(); len(requests) != 11 {
		t.Errorf("10 readers cost %d requests: %v", len(requests), requests)
	}
	g.broken = true
	readAll(newRegistry(registrySettings{url: g.url}, defaultRequestTimeout))
	if requests := g.count(); len(requests) > 1+2*10 {
		t.Errorf("without a list: %d requests: %v", len(requests), requests)
	}
	r := newRegistry(registrySettings{url: closedAddress(t)}, defaultRequestTimeout)
	if _, _, err := r.latest.get(context.Background(), "s0"); err == nil {
		t.Fatal("a closed port answered")
	}
	r.settings.url = g.url
	r.client, r.err = newRegistry(r.settings, r.timeout).connect()
	if _, found, err := r.latest.get(context.Background(), "s0"); err != nil || !found {
		t.Errorf("after a failed load: %v, %v", found, err)
	}
}

func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// A registry that is away makes one diagnostic for a whole plan, with its address
// and the cause.
func TestRegistryUnreachable(t *testing.T) {
	t.Parallel()
	away := &testRegistry{url: closedAddress(t)}
	accept(t, resource.TestStep{
		Config:      away.with(subjects(5)),
		PlanOnly:    true,
		ExpectError: flexible("The schema registry at " + away.url + " does not answer: dial tcp"),
	})
	inst := newInstance(settings{registry: registrySettings{url: away.url}, requestTimeout: defaultRequestTimeout})
	var diags diag.Diagnostics
	for range 5 {
		_, _, err := inst.schemaRegistry.latest.get(context.Background(), "s")
		inst.failRegistry(&diags, "Plan", err, true)
	}
	if diags.ErrorsCount() != 1 || !strings.Contains(diags[0].Detail(), "connection refused") {
		t.Errorf("diagnostics: %v", diags)
	}
}

// An address that only apply knows leaves the plan to local checks.
func TestRegistryUnknown(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	unknown := `
resource "terraform_data" "url" {
  input = "` + g.url + `"
}
provider "headwater" {
  schema_registry = { url = terraform_data.url.output }
}
`
	accept(
		t,
		resource.TestStep{Config: unknown + subject(`{"type":"record"`, ""), ExpectError: flexible(`Schema of "s" is invalid`)},
		resource.TestStep{Config: unknown + subject(orderV1, "")},
	)
}

// A registry that answers an older schema's registration with the old version has
// that version deleted softly, so that going back works there too.
func TestRevertWithoutNumbers(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	g.put(t, "s", orderV1)
	g.put(t, "s", orderV2)
	g.ignoresNumbers = true
	r := newRegistry(registrySettings{url: g.url}, defaultRequestTimeout)
	history, err := r.history(context.Background(), "s")
	if err != nil || len(history) != 2 {
		t.Fatalf("%v, %v", history, err)
	}
	latest, err := r.register(context.Background(), "s", history[0].Schema, history)
	if err != nil || latest.Version != 3 || latest.ID != 1 {
		t.Errorf("%+v, %v", latest, err)
	}
	if _, err := g.SchemaByVersion(context.Background(), "s", 1); err == nil {
		t.Error("version 1 is still there: the fallback was not taken")
	}
}

// A plan says that it goes back to an older version, and that a subject to be
// created is there already.
func TestPlanWarnings(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	g.put(t, "s", orderV1)
	g.put(t, "s", orderV2)
	r := &subjectResource{inst: newInstance(settings{registry: registrySettings{url: g.url}, requestTimeout: defaultRequestTimeout})}
	orderV3 := strings.Replace(orderV2, "note", "remark", 1)
	for text, want := range map[string]string{orderV1: "goes back to version 1", orderV2: "", orderV3: "exists already"} {
		plan := subjectModel{Subject: types.StringValue("s"), SchemaType: types.StringValue("AVRO"), Schema: types.StringValue(text)}
		parsed, err := schema.Parse(sr.TypeAvro, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		var diags diag.Diagnostics
		r.planRegistration(context.Background(), plan, parsed, false, &diags)
		if want == "" && len(diags) > 0 || want != "" && (len(diags) != 1 || !strings.Contains(diags[0].Summary(), want) || diags.HasError()) {
			t.Errorf("want a warning %q, got %v", want, diags)
		}
	}
}

// A reference that this plan cannot see yet is left to apply with a warning.
func TestUnseenReferenceWaits(t *testing.T) {
	t.Parallel()
	g := startRegistry(t)
	r := &subjectResource{inst: newInstance(settings{registry: registrySettings{url: g.url}, requestTimeout: defaultRequestTimeout})}
	plan := subjectModel{
		Subject: types.StringValue("s"), SchemaType: types.StringValue("AVRO"), Schema: types.StringValue(orderV1),
		References: []referenceModel{{Name: types.StringValue("shared.Money"), Subject: types.StringValue("money"), Version: types.Int64Unknown()}},
	}
	var diags diag.Diagnostics
	if parsed := r.announce(context.Background(), plan, &diags); parsed != nil || diags.HasError() || diags.WarningsCount() != 1 {
		t.Errorf("%v, %v", parsed, diags)
	}
}

// In apply every resource that could not be written says so, also after the first.
func TestApplyReportsEachFailure(t *testing.T) {
	t.Parallel()
	r := &subjectResource{inst: newInstance(settings{registry: registrySettings{url: closedAddress(t)}, requestTimeout: defaultRequestTimeout})}
	for range 2 {
		var diags diag.Diagnostics
		plan := subjectModel{Subject: types.StringValue("s"), SchemaType: types.StringValue("AVRO"), Schema: types.StringValue(orderV1)}
		r.write(context.Background(), &plan, types.StringNull(), true, &diags)
		if !diags.HasError() || !plan.SchemaID.IsNull() {
			t.Errorf("diagnostics %v, id %s", diags, plan.SchemaID)
		}
	}
}
