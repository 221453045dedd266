locals {
  _secret_prefix    = "${var.name}/kafka"
  _parameter_prefix = "/${var.name}/kafka"
}

resource "aws_secretsmanager_secret" "user" {
  for_each = local._users

  name                    = "${local._secret_prefix}/${each.key}"
  description             = "Password of the Kafka user ${each.key}"
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}

# Write-only: no state and no plan holds a password.
resource "aws_secretsmanager_secret_version" "user" {
  for_each = aws_secretsmanager_secret.user

  secret_id                = each.value.id
  secret_string_wo         = var.passwords[each.key]
  secret_string_wo_version = var.password_version
}

# Set by the controllers once each of them has formatted its disk: from then on an
# empty one is a loss, and never formatted as if the cluster were new.
resource "aws_ssm_parameter" "bootstrapped" {
  name        = "${local._parameter_prefix}/bootstrapped"
  description = "unset until every controller has formatted its disk"
  type        = "String"
  value       = "unset"

  lifecycle {
    ignore_changes = [value]
  }
}

# Set by the node; an operator sets it back to replace a lost disk, see README.md.
resource "aws_ssm_parameter" "formatted" {
  for_each = var.nodes

  name        = "${local._parameter_prefix}/nodes/${each.key}/formatted"
  description = "unset: the node may format its disk; rejoin: a controller may, as no voter yet"
  type        = "String"
  value       = "unset"

  lifecycle {
    ignore_changes = [value]
  }
}
