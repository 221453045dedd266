locals {
  _principal = "User:${var.name}"
  _stateful  = var.state == null ? toset([]) : toset([var.name])
}

resource "headwater_scram_credential" "this" {
  username            = var.name
  password_wo         = var.password
  password_wo_version = var.password_version
}

# Group, transactional ids and state come together: who keeps no state commits
# nothing.
resource "headwater_acl" "group" {
  for_each = local._stateful

  principal     = local._principal
  operations    = ["DESCRIBE", "READ"]
  resource_type = "GROUP"
  resource_name = each.key
}

resource "headwater_acl" "transactions" {
  for_each = local._stateful

  principal     = local._principal
  operations    = ["DESCRIBE", "WRITE"]
  resource_type = "TRANSACTIONAL_ID"
  resource_name = "${each.key}-"
  pattern_type  = "PREFIXED"
}

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

# Waits until every task is ready.
resource "headwater_deployment" "this" {
  name               = var.name
  program            = var.program
  tasks              = var.autoscale == null ? var.tasks : null
  autoscale          = var.autoscale
  environment        = var.environment
  secret_environment = var.secret_environment
  port               = var.port
  revision           = var.revision

  depends_on = [
    headwater_acl.group,
    headwater_acl.state,
    headwater_acl.transactions,
    headwater_scram_credential.this,
  ]
}
