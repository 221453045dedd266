locals {
  # The platform's own records are tiers of their own; all others are raw.
  _tier = (
    contains(["processed", "aggregates", "repartition"], var.domain) ? var.domain : "raw"
  )
  _type   = "${var.domain}.${var.name}"
  _kebab  = replace(var.name, "_", "-")
  _topic  = local._tier == "raw" ? "raw.${var.domain}.${local._kebab}" : "${var.domain}.${local._kebab}"
  _record = join("", [for word in split("_", var.name) : title(word)])

  _fields     = try({ for f in jsondecode(var.schema).fields : f.name => f.type }, {})
  _principals = setunion(var.platform.teams, var.platform.processors)
  _size       = var.platform.sizes[var.size]
  _compacted  = var.retention == "latest"

  # A record grows on its way: raw Avro, the same in the processed envelope,
  # either as a dead letter with its reason.
  _max_bytes = { raw = 4194304, processed = 6291456, aggregates = 1048576, repartition = 1048576 }

  # One ACL a principal, since two that share an operation would take it from
  # each other when one of them goes.
  _operations = {
    for principal in setunion(var.producers, var.consumers) : principal => setunion(
      ["DESCRIBE"],
      contains(var.producers, principal) ? ["WRITE"] : [],
      contains(var.consumers, principal) ? ["READ"] : [],
    )
  }

  _limited = (
    local._size.producer_byte_rate == null
    ? toset([]) : setintersection(var.producers, var.platform.teams)
  )
}

resource "headwater_topic" "this" {
  name               = local._topic
  partitions         = local._size.partitions
  replication_factor = local._size.replication_factor
  retention          = local._compacted ? null : var.retention

  config = {
    "cleanup.policy"      = local._compacted ? "compact" : "delete"
    "max.message.bytes"   = tostring(local._max_bytes[local._tier])
    "min.insync.replicas" = tostring(local._size.min_insync_replicas)
  }

  deletion_protection = var.platform.deletion_protection && !var.retired
}

resource "headwater_schema_subject" "this" {
  subject             = "${headwater_topic.this.name}-value"
  schema              = var.schema
  compatibility_level = var.compatibility
  deletion_protection = var.platform.deletion_protection && !var.retired
}

resource "headwater_acl" "topic" {
  for_each = local._operations

  principal     = "User:${each.key}"
  operations    = each.value
  resource_type = "TOPIC"
  resource_name = headwater_topic.this.name
}

# Counts only what a team writes with the event's type as its client id; what
# it writes otherwise falls under the team's own budget.
resource "headwater_quota" "producer" {
  for_each = local._limited

  entity = {
    user      = each.key
    client_id = local._type
  }
  producer_byte_rate = local._size.producer_byte_rate
}

# Last: the collector takes the event as soon as it reads this.
resource "headwater_catalogue_entry" "this" {
  catalogue_topic = var.platform.catalogue_topic

  type           = local._type
  tier           = local._tier
  domain         = var.domain
  name           = var.name
  description    = var.description
  owner          = var.owner
  topic          = headwater_topic.this.name
  subject        = headwater_schema_subject.this.subject
  schema         = var.schema
  schema_id      = headwater_schema_subject.this.schema_id
  schema_version = headwater_schema_subject.this.version
  compatibility  = var.compatibility
  retention_ms   = local._compacted ? -1 : provider::headwater::duration_ms(var.retention)
  pii            = var.pii
  producers      = var.producers
  consumers      = var.consumers
  revenue_field  = var.revenue
  segment_call   = var.segment_call
  retired        = var.retired

  depends_on = [headwater_acl.topic, headwater_quota.producer]
}
