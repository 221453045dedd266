package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafkatest"
)

const testEntry = "headwater_catalogue_entry.test"

// catalogue starts a cluster with an empty catalogue topic.
func catalogue(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	c := kafkatest.Start(t)
	c.CreateTopic(defaultCatalogueTopic, 3, map[string]string{"cleanup.policy": "compact"})
	return c
}

// entry declares checkout.order_placed with a description and what else is given.
func entry(description, rest string) string {
	return fmt.Sprintf(`
resource "headwater_catalogue_entry" "test" {
  type           = "checkout.order_placed"
  tier           = "raw"
  domain         = "checkout"
  name           = "order_placed"
  description    = %q
  owner          = "checkout"
  topic          = "raw.checkout.order-placed"
  subject        = "raw.checkout.order-placed-value"
  schema         = %q
  schema_id      = 7
  schema_version = 2
  compatibility  = "FULL_TRANSITIVE"
  retention_ms   = 2592000000
  producers      = ["collect"]
  consumers      = ["refine", "analytics"]
  %s
}
`, description, orderV1, rest)
}

// entries are the live entries as the platform's own reader sees them.
func entries(t *testing.T, c *kafkatest.Cluster) map[string]event.Entry {
	t.Helper()
	inst := newInstance(settings{kafka: c.Config, requestTimeout: 10 * time.Second})
	raw, err := inst.catalogues.of(defaultCatalogueTopic).peek(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]event.Entry{}
	for key, record := range raw {
		value, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if all[key], err = event.ParseEntry(value); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func putRecord(t *testing.T, c *kafkatest.Cluster, key string, value []byte) {
	t.Helper()
	if err := c.Client().ProduceSync(context.Background(), &kgo.Record{Topic: defaultCatalogueTopic, Key: []byte(key), Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// An entry's whole life: written as the platform reads it, nothing to do, changed,
// drift mended, made again after a foreign tombstone, imported, destroyed.
func TestCatalogueEntryLifecycle(t *testing.T) {
	t.Parallel()
	c := catalogue(t)
	first, second := on(c, entry("An order was placed.", `pii = ["email"]`)), on(c, entry("A customer placed an order.", `revenue_field = "total_micros"`))
	want := event.Entry{
		Version: event.EntryVersion, Type: "checkout.order_placed", Tier: "raw", Domain: "checkout", Name: "order_placed",
		Description: "An order was placed.", Owner: "checkout", Topic: "raw.checkout.order-placed", Subject: "raw.checkout.order-placed-value",
		SchemaType: "AVRO", SchemaID: 7, SchemaVersion: 2, Schema: orderV1, Compatibility: "FULL_TRANSITIVE", RetentionMS: 2592000000,
		PII: []string{"email"}, Producers: []string{"collect"}, Consumers: []string{"analytics", "refine"},
	}
	updates := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(testEntry, plancheck.ResourceActionUpdate)}}
	isThere := func(description string) resource.TestCheckFunc {
		return func(*terraformState) error {
			if got := entries(t, c)["checkout.order_placed"].Description; got != description {
				return fmt.Errorf("the topic says %q, want %q", got, description)
			}
			return nil
		}
	}
	accept(
		t,
		resource.TestStep{
			Config: first,
			Check: func(*terraformState) error {
				if diff := cmp.Diff(want, entries(t, c)["checkout.order_placed"]); diff != "" {
					return fmt.Errorf("the record differs: %s", diff)
				}
				return nil
			},
		},
		resource.TestStep{Config: first, ConfigPlanChecks: emptyPlan()},
		resource.TestStep{Config: strings.Replace(first, `\"type\":\"record\"`, `  \"type\" : \"record\"`, 1), ConfigPlanChecks: emptyPlan()},
		resource.TestStep{Config: second, ConfigPlanChecks: updates, Check: isThere("A customer placed an order.")},
		resource.TestStep{
			PreConfig: func() {
				foreign := want
				foreign.Retired = true
				value, _ := json.Marshal(foreign)
				putRecord(t, c, foreign.Type, value)
			},
			Config: second, ConfigPlanChecks: updates, Check: isThere("A customer placed an order."),
		},
		resource.TestStep{
			PreConfig: func() { putRecord(t, c, "checkout.order_placed", nil) },
			Config:    second, Check: isThere("A customer placed an order."),
		},
		resource.TestStep{
			ResourceName: testEntry, ImportState: true, ImportStateId: "checkout.order_placed", ImportStateVerify: true,
			ImportStateVerifyIdentifierAttribute: "type",
		},
		resource.TestStep{Config: on(c, "")},
	)
	if left := entries(t, c); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Bad names are refused in the plan, another's entry and a missing topic in apply.
func TestCatalogueEntryRefusals(t *testing.T) {
	t.Parallel()
	c := catalogue(t)
	putRecord(t, c, "checkout.order_placed", []byte(`{"version":1,"type":"checkout.order_placed","topic":"t","owner":"support"}`))
	accept(
		t,
		resource.TestStep{Config: on(c, strings.Replace(entry("d", ""), "checkout.order_placed", "OrderPlaced", 1)), PlanOnly: true, ExpectError: flexible("write it as <domain>.<event>")},
		resource.TestStep{Config: on(c, strings.Replace(entry("d", ""), `"raw"`, `"bronze"`, 1)), PlanOnly: true, ExpectError: flexible("tier value must be one of")},
		resource.TestStep{Config: on(c, entry("d", "")), ExpectError: flexible(`owned by "support"`)},
		resource.TestStep{Config: on(c, entry("d", `catalogue_topic = "missing"`)), ExpectError: flexible(`catalogue topic "missing" does not exist`)},
	)
}

// A refresh reads the topic once, whatever the number of entries.
func TestCatalogueIsReadOnce(t *testing.T) {
	t.Parallel()
	c := catalogue(t)
	for i := range 50 {
		name := fmt.Sprint("browsing.event_", i)
		putRecord(t, c, name, []byte(`{"version":1,"type":"`+name+`","topic":"t"}`))
	}
	inst := newInstance(settings{kafka: c.Config, requestTimeout: 10 * time.Second})
	c.ResetRequests()
	for i := range 50 {
		if _, found, err := inst.catalogues.of(defaultCatalogueTopic).get(context.Background(), fmt.Sprint("browsing.event_", i)); err != nil || !found {
			t.Fatalf("entry %d: %v, %v", i, found, err)
		}
	}
	requests := c.Requests()
	total := 0
	for _, n := range requests {
		total += n
	}
	t.Logf("50 entries: %v", requests)
	if requests["ListOffsets"] > 20 || total > 60 {
		t.Errorf("50 entries cost %d requests: %v", total, requests)
	}
	if _, found, err := inst.catalogues.of("missing").get(context.Background(), "a.b"); err != nil || found {
		t.Errorf("a missing topic: %v, %v", found, err)
	}
}
