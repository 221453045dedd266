# Its own user of Kafka. What it may read and write of events stands with the
# topics, in consumers and producers of modules/event.
locals {
  _principal  = "User:${var.name}"
  _reads      = length(var.reads) > 0 ? toset([var.name]) : toset([])
  _stateful   = var.state == null ? toset([]) : toset([var.name])
  _partitions = [for type in var.reads : try(var.platform.streams[type].partitions, 0)]

  # Who takes nothing from anybody, as the capacity publisher, may be one alone.
  _sole = length(var.reads) == 0 && var.listener == null
}

resource "headwater_scram_credential" "this" {
  username            = var.name
  password_wo         = var.password
  password_wo_version = var.password_version
}

resource "headwater_acl" "group" {
  for_each = local._reads

  principal     = local._principal
  operations    = ["DESCRIBE", "READ"]
  resource_type = "GROUP"
  resource_name = each.key
}

# The tasks lease their numbers here, and report their loads.
resource "headwater_acl" "slots" {
  for_each = local._stateful

  principal     = local._principal
  operations    = ["DESCRIBE", "READ"]
  resource_type = "GROUP"
  resource_name = "${each.key}.slots"
}

resource "headwater_acl" "transactions" {
  for_each = local._stateful

  principal     = local._principal
  operations    = ["DESCRIBE", "WRITE"]
  resource_type = "TRANSACTIONAL_ID"
  resource_name = "${each.key}-"
  pattern_type  = "PREFIXED"
}

# What a task's disk is rebuilt from: tasks here have none that lasts.
resource "headwater_topic" "state" {
  for_each = local._stateful

  name                = "state.${each.key}"
  partitions          = var.state.partitions
  replication_factor  = var.state.replication_factor
  retention           = var.state.retention
  deletion_protection = var.state.deletion_protection

  config = {
    "cleanup.policy"      = var.state.retention == null ? "compact" : "compact,delete"
    "max.message.bytes"   = "8388608"
    "min.insync.replicas" = tostring(var.state.min_insync_replicas)
  }
}

resource "headwater_acl" "state" {
  for_each = headwater_topic.state

  principal     = local._principal
  operations    = ["DESCRIBE", "READ", "WRITE"]
  resource_type = "TOPIC"
  resource_name = each.value.name
}

# The capacity publisher looks at what scales: how far it is, and how busy.
resource "headwater_acl" "capacity" {
  for_each = length(local._by_law) == 0 ? {} : merge(
    { for group in local._reads : group => "GROUP" },
    { for name in local._stateful : "${name}.slots" => "GROUP" },
    { for topic in headwater_topic.state : topic.name => "TOPIC" },
  )

  principal     = "User:capacity"
  operations    = ["DESCRIBE"]
  resource_type = each.value
  resource_name = each.key
}
