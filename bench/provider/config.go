package main

import (
	"fmt"
	"strings"
)

// contestant is a provider under measurement and how its configuration is written.
type contestant struct {
	name    string
	source  string // of the provider, in the mirror
	version string
	alias   string // local name of the provider
	block   func(*cluster) string
	topics  func(w workload) string
}

// workload is what is created, planned and destroyed.
type workload struct {
	Topics   int  `json:"topics"`   // of one partition each
	Replicas int  `json:"replicas"` // of each topic
	ACLs     int  `json:"acls"`     // of each topic
	Subjects bool `json:"subjects"`
	Events   bool `json:"events"` // through modules/event, the rest is what that makes
}

// String names the workload in the table.
func (w workload) String() string {
	switch {
	case w.Events:
		return fmt.Sprintf("%d events", w.Topics)
	case w.Subjects:
		return fmt.Sprintf("%d topics, %d ACLs, %d subjects", w.Topics, w.Topics*w.ACLs, w.Topics)
	case w.ACLs == 0:
		return fmt.Sprintf("%d topics", w.Topics)
	}
	return fmt.Sprintf("%d topics, %d ACLs", w.Topics, w.Topics*w.ACLs)
}

var headwater = contestant{
	name: "headwater", source: "headwater.internal/platform/headwater", version: "0.1.0", alias: "headwater",
	block: func(c *cluster) string {
		return fmt.Sprintf("provider \"headwater\" {\n  bootstrap_servers = [%q]\n  schema_registry   = { url = %q }\n}\n", c.bootstrap, c.registryURL)
	},
	topics: func(w workload) string {
		if w.Events {
			return eventsBody(w)
		}
		return topicsBody(w)
	},
}

// rival has the schema of Mongey's kafka provider.
var rival = contestant{
	name: "rival", source: "headwater.internal/rival/kafka", version: "0.0.1", alias: "kafka",
	block: func(c *cluster) string {
		return fmt.Sprintf("provider \"kafka\" {\n  bootstrap_servers = [%q]\n  tls_enabled       = false\n}\n", c.bootstrap)
	},
	topics: func(w workload) string {
		return fmt.Sprintf(`
resource "kafka_topic" "this" {
  count              = %[1]d
  name               = "bench.topic-${count.index}"
  partitions         = 1
  replication_factor = %[3]d
  config             = { "cleanup.policy" = "delete", "retention.ms" = "86400000" }
}
resource "kafka_acl" "this" {
  count               = %[1]d * %[2]d
  acl_principal       = "User:reader-${count.index %% max(1, %[2]d)}"
  acl_host            = "*"
  acl_operation       = "Read"
  acl_permission_type = "Allow"
  resource_type       = "Topic"
  resource_name       = "bench.topic-${floor(count.index / max(1, %[2]d))}"
}
`, w.Topics, w.ACLs, w.Replicas)
	},
}

func topicsBody(w workload) string {
	body := fmt.Sprintf(`
resource "headwater_topic" "this" {
  count               = %[1]d
  name                = "bench.topic-${count.index}"
  partitions          = 1
  replication_factor  = %[3]d
  config              = { "cleanup.policy" = "delete", "retention.ms" = "86400000" }
  deletion_protection = false
}
resource "headwater_acl" "this" {
  count         = %[1]d * %[2]d
  principal     = "User:reader-${count.index %% max(1, %[2]d)}"
  operations    = ["READ"]
  resource_type = "TOPIC"
  resource_name = "bench.topic-${floor(count.index / max(1, %[2]d))}"
}
`, w.Topics, w.ACLs, w.Replicas)
	if w.Subjects {
		body += fmt.Sprintf(`
resource "headwater_schema_subject" "this" {
  count               = %d
  subject             = "bench.topic-${count.index}-value"
  compatibility_level = "FULL_TRANSITIVE"
  deletion_protection = false
  hard_delete         = true
  schema = jsonencode({
    type = "record", name = "Topic${count.index}", namespace = "bench",
    fields = [{ name = "id", type = "string" }, { name = "url", type = "string" }, { name = "at", type = "long" },
    { name = "note", type = ["null", "string"], default = null }]
  })
}
`, w.Topics)
	}
	return body
}

// eventsBody calls the catalogue's module once for each event, with three
// principals that have an ACL each.
func eventsBody(w workload) string {
	return fmt.Sprintf(`
resource "headwater_topic" "catalogue" {
  name                = "headwater.catalogue"
  partitions          = 1
  replication_factor  = %[2]d
  config              = { "cleanup.policy" = "compact" }
  deletion_protection = false
}
module "event" {
  source   = %[3]q
  for_each = toset([for n in range(%[1]d) : tostring(n)])

  platform = {
    catalogue_topic     = headwater_topic.catalogue.name
    deletion_protection = false
    processors          = ["collect", "refine"]
    teams               = ["analytics"]
    sizes = {
      standard = { partitions = 1, replication_factor = %[2]d, min_insync_replicas = %[4]d }
    }
  }
  domain      = "bench"
  name        = "thing_happened_n${each.key}"
  description = "A thing happened."
  owner       = "analytics"
  retention   = "30d"
  producers   = ["collect"]
  consumers   = ["analytics", "refine"]
  schema = jsonencode({
    type = "record", name = "ThingHappenedN${each.key}", namespace = "bench",
    fields = [{ name = "id", type = "string", doc = "Which." }, { name = "note", type = ["null", "string"], default = null, doc = "Words." }]
  })
}
`, w.Topics, w.Replicas, "./modules/event", min(2, w.Replicas))
}

// config is the whole main.tf: the state is kept by the bench over HTTP, since a
// local file is written anew after each resource.
func (c contestant) config(w workload, at *cluster, stateURL string) string {
	return strings.Join([]string{
		fmt.Sprintf("terraform {\n  backend \"http\" {\n    address = %q\n  }\n  required_providers {\n    %s = {\n      source  = %q\n      version = %q\n    }\n  }\n}\n",
			stateURL, c.alias, c.source, c.version),
		c.block(at), c.topics(w),
	}, "\n")
}
