# The platform's own topics: what refine makes of all raw events, what the
# other processors make of that, and the books they keep.
locals {
  # Processors that read or write events; their programs are in processors/.
  processors = ["aggregate", "archive", "collect", "refine", "sessionize"]

  # Those that work in Kafka transactions: each writes its ledger and its dead
  # letters with its outputs.
  _transactional = ["aggregate", "refine", "sessionize"]

  # What every event's call hands on.
  platform = {
    catalogue_topic     = headwater_topic.catalogue.name
    deletion_protection = var.deletion_protection
    processors          = local.processors
    sizes               = var.sizes
    teams               = keys(local.teams)
  }
}

locals {
  # What processors read of each other. Raw events are refine's, all that there are.
  _streams = merge(
    { for event in [
      module.count_changes, module.customer_events, module.event_counts, module.identity_links, module.session_pieces, module.sessions,
    ] : event.type => { partitions = event.partitions, consumers = event.consumers } },
    { "raw.*" = { partitions = var.sizes["standard"].partitions, consumers = toset(["refine"]) } },
  )
}

module "customer_events" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "processed"
  name        = "customer_events"
  description = "Every validated event of every customer, once, in one stream."
  owner       = "platform"
  schema      = file("${path.module}/processed/customer_events.avsc")
  retention   = "30d"
  size        = "keyed"
  producers   = ["refine"]
  consumers   = ["aggregate", "analytics", "archive", "personalization", "sessionize"]
}

module "identity_links" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "processed"
  name        = "identity_links"
  description = "Which customer an anonymous id turned out to be."
  owner       = "platform"
  schema      = file("${path.module}/processed/identity_links.avsc")
  retention   = "latest"
  size        = "keyed"
  producers   = ["refine"]
  consumers   = ["aggregate", "identity", "sessionize"]
}

# What an anonymous id left behind travels to its customer's partition by these
# two: written and read by one processor each.
module "session_pieces" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "repartition"
  name        = "session_pieces"
  description = "Sessions of anonymous ids on their way to the customers that they turned out to be."
  owner       = "platform"
  schema      = file("${path.module}/repartition/session_pieces.avsc")
  retention   = "7d"
  size        = "keyed"
  producers   = ["sessionize"]
  consumers   = ["sessionize"]
}

module "count_changes" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "repartition"
  name        = "count_changes"
  description = "Counts of anonymous ids on their way to the customers that they turned out to be."
  owner       = "platform"
  schema      = file("${path.module}/repartition/count_changes.avsc")
  retention   = "7d"
  size        = "keyed"
  producers   = ["aggregate"]
  consumers   = ["aggregate"]
}

module "sessions" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "aggregates"
  name        = "sessions"
  description = "The latest state of every session."
  owner       = "platform"
  schema      = file("${path.module}/aggregates/sessions.avsc")
  retention   = "latest"
  size        = "keyed"
  producers   = ["sessionize"]
  consumers   = ["analytics", "loyalty", "personalization"]
}

module "event_counts" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "aggregates"
  name        = "event_counts"
  description = "Events, unique customers and revenue by type and window."
  owner       = "platform"
  schema      = file("${path.module}/aggregates/event_counts.avsc")
  retention   = "latest"
  size        = "keyed"
  producers   = ["aggregate"]
  consumers   = ["analytics", "finance"]
}

# One record an event: the collector and refine follow it.
resource "headwater_topic" "catalogue" {
  name                = "headwater.catalogue"
  partitions          = var.sizes["small"].partitions
  replication_factor  = var.sizes["small"].replication_factor
  deletion_protection = var.deletion_protection

  config = {
    "cleanup.policy"      = "compact"
    "min.insync.replicas" = tostring(var.sizes["small"].min_insync_replicas)
  }
}

resource "headwater_acl" "catalogue" {
  for_each = toset(concat(sort(setsubtract(local.processors, ["archive"])), keys(local.teams)))

  principal     = "User:${each.key}"
  operations    = ["DESCRIBE", "READ"]
  resource_type = "TOPIC"
  resource_name = headwater_topic.catalogue.name
}

# What each stage took in and what became of it, per minute of receipt.
resource "headwater_topic" "ledger" {
  name                = "headwater.ledger"
  partitions          = var.sizes["small"].partitions
  replication_factor  = var.sizes["small"].replication_factor
  deletion_protection = var.deletion_protection

  config = {
    "cleanup.policy"      = "compact"
    "min.insync.replicas" = tostring(var.sizes["small"].min_insync_replicas)
  }
}

resource "headwater_acl" "ledger" {
  for_each = toset(local._transactional)

  principal     = "User:${each.key}"
  operations    = ["DESCRIBE", "WRITE"]
  resource_type = "TOPIC"
  resource_name = headwater_topic.ledger.name
}

# Records that a stage could not use, with their original bytes and a reason:
# the largest of all messages, with room for one of 16 MiB.
resource "headwater_topic" "dead_letters" {
  name                = "dead-letters"
  partitions          = var.sizes["standard"].partitions
  replication_factor  = var.sizes["standard"].replication_factor
  retention           = "30d"
  deletion_protection = var.deletion_protection

  config = {
    "cleanup.policy"      = "delete"
    "max.message.bytes"   = "17825792"
    "min.insync.replicas" = tostring(var.sizes["standard"].min_insync_replicas)
  }
}

resource "headwater_acl" "dead_letters" {
  for_each = toset(local._transactional)

  principal     = "User:${each.key}"
  operations    = ["DESCRIBE", "WRITE"]
  resource_type = "TOPIC"
  resource_name = headwater_topic.dead_letters.name
}

# The capacity publisher asks how much is in what processors read, and reads none
# of it.
resource "headwater_acl" "capacity" {
  for_each = toset(["processed.", "raw.", "repartition."])

  principal     = "User:capacity"
  operations    = ["DESCRIBE"]
  resource_type = "TOPIC"
  resource_name = each.key
  pattern_type  = "PREFIXED"
}
