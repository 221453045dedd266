# Passwords of teams and processors and keys of senders are drawn once, kept by the
# secret store alone, and read back from it by all that need them: an apply that
# was broken off goes on with the same ones.
locals {
  _principals = setunion(keys(module.catalogue.teams), keys(local.processors), ["capacity"])
  _drawn = merge(
    { for name in local._principals : "principals/${name}" => var.password_version },
    { for name in var.senders : "senders/${name}" => 1 },
  )

  _kept      = { for name, secret in ephemeral.aws_secretsmanager_secret_version.kept : name => secret.secret_string }
  _passwords = { for name in local._principals : name => local._kept["principals/${name}"] }

  # By version, so that what runs with a secret is started anew when it turns.
  _secret_arns = merge(
    { for name in local._principals : name => "${aws_secretsmanager_secret.this["principals/${name}"].arn}:::${aws_secretsmanager_secret_version.this["principals/${name}"].version_id}" },
    { write_keys = "${aws_secretsmanager_secret.write_keys.arn}:::${aws_secretsmanager_secret_version.write_keys.version_id}" },
  )
}

ephemeral "headwater_scram_secret" "drawn" {
  for_each = local._drawn
}

resource "aws_secretsmanager_secret" "this" {
  for_each = local._drawn

  name                    = "${local._name}/${each.key}"
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = local._drawn

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = ephemeral.headwater_scram_secret.drawn[each.key].password
  secret_string_wo_version = each.value
}

ephemeral "aws_secretsmanager_secret_version" "kept" {
  for_each = aws_secretsmanager_secret_version.this

  secret_id  = each.value.secret_id
  version_id = each.value.version_id
}

# Who may send, as the collector reads it: another sender leaves the keys of the
# others as they are.
resource "aws_secretsmanager_secret" "write_keys" {
  name                    = "${local._name}/write-keys"
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "write_keys" {
  secret_id                = aws_secretsmanager_secret.write_keys.id
  secret_string_wo         = join(",", [for name in sort(var.senders) : "${name}:${local._kept["senders/${name}"]}"])
  secret_string_wo_version = parseint(substr(sha256(join(",", sort(var.senders))), 0, 8), 16)
}
