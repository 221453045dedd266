# The call that every team copies must make what it promises, under the names
# that the law derives.
mock_provider "headwater" {}

run "the_example_makes_topic_subject_rights_quota_and_entry" {
  command = apply

  module {
    source = "./examples/basic"
  }
}

variables {
  platform = {
    catalogue_topic = "headwater.catalogue"
    processors      = ["aggregate", "collect", "refine"]
    teams           = ["analytics", "checkout"]
    sizes = {
      keyed    = { partitions = 12, replication_factor = 3, min_insync_replicas = 2 }
      standard = { partitions = 6, replication_factor = 3, min_insync_replicas = 2, producer_byte_rate = 1048576 }
    }
  }
  domain      = "checkout"
  name        = "gift_sent"
  description = "A customer sent a gift card."
  owner       = "checkout"
  retention   = "30d"
  producers   = ["checkout", "collect"]
  consumers   = ["analytics", "checkout", "refine"]
  pii         = ["recipient"]
  revenue     = "amount"
  schema      = <<-EOT
    {"type": "record", "name": "GiftSent", "namespace": "checkout", "fields": [
      {"name": "amount", "type": ["null", "double"], "default": null},
      {"name": "recipient", "type": "string"}
    ]}
  EOT
}

run "one_spelling_from_end_to_end" {
  assert {
    condition     = headwater_topic.this.name == "raw.checkout.gift-sent"
    error_message = "the topic is raw.<domain>.<event> with hyphens"
  }
  assert {
    condition     = headwater_schema_subject.this.subject == "raw.checkout.gift-sent-value"
    error_message = "the subject is the topic's, with -value"
  }
  assert {
    condition     = headwater_catalogue_entry.this.type == "checkout.gift_sent"
    error_message = "the type is <domain>.<event>"
  }
  assert {
    condition     = headwater_catalogue_entry.this.tier == "raw"
    error_message = "an event is raw"
  }
}

run "the_environment_decides_the_size" {
  assert {
    condition     = headwater_topic.this.partitions == 6 && headwater_topic.this.replication_factor == 3
    error_message = "partitions and replicas come from the size class"
  }
  assert {
    condition     = headwater_topic.this.config["min.insync.replicas"] == "2"
    error_message = "so does the number of replicas that must be in sync"
  }
  assert {
    condition     = headwater_topic.this.retention == "30d" && headwater_topic.this.config["cleanup.policy"] == "delete"
    error_message = "a raw topic deletes by age"
  }
  assert {
    condition     = headwater_catalogue_entry.this.retention_ms == 2592000000
    error_message = "30d are 2,592,000,000 ms"
  }
}

run "rights_follow_producers_and_consumers" {
  assert {
    condition     = keys(headwater_acl.topic) == ["analytics", "checkout", "collect", "refine"]
    error_message = "one ACL for each principal that is named, and no other"
  }
  assert {
    condition     = headwater_acl.topic["checkout"].operations == toset(["DESCRIBE", "READ", "WRITE"])
    error_message = "who writes and reads has one ACL for both"
  }
  assert {
    condition     = headwater_acl.topic["analytics"].operations == toset(["DESCRIBE", "READ"])
    error_message = "who reads may not write"
  }
  assert {
    condition     = headwater_acl.topic["collect"].operations == toset(["DESCRIBE", "WRITE"])
    error_message = "who writes may not read"
  }
  assert {
    condition     = headwater_acl.topic["refine"].principal == "User:refine" && headwater_acl.topic["refine"].resource_name == "raw.checkout.gift-sent"
    error_message = "a name is a principal, the resource is the event's own topic"
  }
}

run "a_team_that_writes_itself_is_limited_and_collect_is_not" {
  assert {
    condition     = keys(headwater_quota.producer) == ["checkout"]
    error_message = "only teams have a quota here"
  }
  assert {
    condition     = headwater_quota.producer["checkout"].entity.client_id == "checkout.gift_sent"
    error_message = "the quota counts what comes under the event's type as client id"
  }
}

run "a_topic_is_protected_until_its_event_is_retired" {
  assert {
    condition     = headwater_topic.this.deletion_protection && headwater_schema_subject.this.deletion_protection
    error_message = "protection is on by default"
  }
}

run "a_retired_event_may_be_removed" {
  variables {
    retired = true
  }
  assert {
    condition     = !headwater_topic.this.deletion_protection && !headwater_schema_subject.this.deletion_protection
    error_message = "retiring lifts the protection"
  }
  assert {
    condition     = headwater_catalogue_entry.this.retired
    error_message = "the collector must learn of it"
  }
}

run "the_platform_s_own_records_are_tiers" {
  variables {
    domain    = "aggregates"
    name      = "sessions"
    retention = "latest"
    size      = "keyed"
    producers = ["aggregate"]
    consumers = ["analytics"]
    pii       = []
    revenue   = null
    schema    = "{\"type\": \"record\", \"name\": \"Session\", \"namespace\": \"aggregates\", \"fields\": []}"
  }
  assert {
    condition     = headwater_topic.this.name == "aggregates.sessions" && headwater_topic.this.partitions == 12
    error_message = "a tier's topic is <tier>.<name>"
  }
  assert {
    condition     = headwater_topic.this.config["cleanup.policy"] == "compact" && headwater_topic.this.retention == null
    error_message = "latest keeps the latest record of each key"
  }
  assert {
    condition     = headwater_catalogue_entry.this.retention_ms == -1
    error_message = "latest has no age"
  }
  assert {
    condition     = length(headwater_quota.producer) == 0
    error_message = "no team writes it, no quota"
  }
}
