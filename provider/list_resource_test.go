package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/querycheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafkatest"
)

func displays(all []listing) []string {
	var names []string
	for _, one := range all {
		names = append(names, one.display)
	}
	return names
}

// A list must show what nobody declared, once each, with the identity that an
// import takes and the attributes that it brings; and what it imports must be that.
func TestLists(t *testing.T) {
	t.Parallel()
	c, g := kafkatest.Start(t), startRegistry(t)
	identified(t, c)
	grantOutside(t, c, "refine", kadm.OpDescribe) // another operation of the same resource
	grantOutside(t, c, "collect", kadm.OpWrite)
	c.CreateTopic("raw.checkout.order-placed", 1, nil)
	g.put(t, "raw.web.clicked-value", `"string"`)
	p := protocolTo(t, c, g)
	for typeName, want := range map[string][]string{
		"headwater_topic": {"raw.checkout.order-placed", "raw.web.clicked"},
		"headwater_acl": {
			"User:collect|*|ALLOW|TOPIC|LITERAL|raw.web.clicked",
			"User:refine|*|ALLOW|TOPIC|LITERAL|raw.web.clicked",
		},
		"headwater_quota":            {"user=refine,client-id=<default>"},
		"headwater_scram_credential": {"SCRAM-SHA-512/refine"},
		"headwater_schema_subject":   {"raw.web.clicked-value"},
	} {
		all, diags := p.list(typeName, nil, true)
		p.refuse(diags)
		all = slices.DeleteFunc(all, func(one listing) bool { return one.display == "SCRAM-SHA-512/admin" }) // who the test logs in as on real brokers
		if diff := cmp.Diff(want, displays(all)); diff != "" || len(diags) > 0 {
			t.Errorf("%s: %d diagnostics (-want +got):\n%s", typeName, len(diags), diff)
		}
		for _, one := range all {
			state, identity := p.importIdentity(typeName, one.identity)
			if diff := cmp.Diff([]map[string]string{identity, state}, []map[string]string{one.identity, one.state}); diff != "" {
				t.Errorf("%s is listed otherwise than imported (-imported +listed):\n%s", one.display, diff)
			}
		}
	}
	acls, _ := p.list("headwater_acl", nil, true)
	if got := acls[1].state["operations"]; got != "DESCRIBE,READ" && got != "READ,DESCRIBE" {
		t.Errorf("operations are %q, want both", got)
	}
}

// Filters narrow a list down; what Kafka made for itself shows only on request.
func TestListFilters(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	c.Fake() // real brokers make their own topics, and let nobody else do so
	for _, name := range []string{"raw.web.clicked", "raw.checkout.order-placed", "__consumer_offsets"} {
		c.CreateTopic(name, 1, nil)
	}
	p := protocolTo(t, c, nil)
	all, diags := p.list("headwater_topic", texts(map[string]string{"prefix": "raw.web."}), false)
	p.refuse(diags)
	if diff := cmp.Diff([]string{"raw.web.clicked"}, displays(all)); diff != "" {
		t.Errorf("by prefix (-want +got):\n%s", diff)
	}
	all, diags = p.list("headwater_topic", map[string]tftypes.Value{"include_internal": tftypes.NewValue(tftypes.Bool, true)}, false)
	p.refuse(diags)
	if !slices.Contains(displays(all), "__consumer_offsets") || len(all) != 3 {
		t.Errorf("with internal topics: %v", displays(all))
	}
}

// A list costs what a refresh costs, however many there are, and says why when it
// cannot be made.
func TestListRequests(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	c.Fake()
	for i := range 30 {
		c.CreateTopic(fmt.Sprintf("raw.web.event-%d", i), 1, nil)
	}
	p := protocolTo(t, c, nil)
	c.ResetRequests()
	all, diags := p.list("headwater_topic", nil, true)
	p.refuse(diags)
	sum := 0
	for _, n := range c.Requests() {
		sum += n
	}
	if len(all) != 30 || sum > 25 {
		t.Errorf("%d topics by %d requests: %v", len(all), sum, c.Requests())
	}
	c.Stop()
	_, diags = protocolTo(t, c, nil).list("headwater_quota", nil, true)
	if len(diags) != 1 || diags[0].Summary != "List quotas: Kafka cannot be reached" {
		t.Errorf("diagnostics %v", diags)
	}
	_, diags = protocolTo(t, c, nil).list("headwater_schema_subject", nil, true)
	if len(diags) != 1 || diags[0].Summary != "List schema subjects" {
		t.Errorf("diagnostics %v", diags)
	}
}

// The same, by Terraform itself.
func TestQuery(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t)
	c.CreateTopic("raw.checkout.order-placed", 1, nil)
	acceptFrom(t, tfversion.Version1_14_0,
		resource.TestStep{Config: on(c, topic("raw.web.clicked", 2, ""))},
		resource.TestStep{
			Query: true,
			Config: on(c, `
list "headwater_topic" "all" {
  provider = headwater
}
list "headwater_topic" "web" {
  provider = headwater
  config {
    prefix = "raw.web."
  }
}`),
			QueryResultChecks: []querycheck.QueryResultCheck{
				querycheck.ExpectLength("headwater_topic.all", 2),
				querycheck.ExpectLength("headwater_topic.web", 1),
				querycheck.ExpectIdentity("headwater_topic.web", map[string]knownvalue.Check{"name": knownvalue.StringExact("raw.web.clicked")}),
			},
		},
	)
}
