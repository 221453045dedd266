# This machine: one process plays six brokers, the registry and the supervisor.
# Addresses and the superuser come from HEADWATER_* variables.
provider "headwater" {}

locals {
  sizes = {
    # What a customer must not move in: never to grow.
    keyed = {
      partitions          = 12
      replication_factor  = 3
      min_insync_replicas = 2
    }
    small = {
      partitions          = 1
      replication_factor  = 3
      min_insync_replicas = 2
    }
    standard = {
      partitions          = 6
      replication_factor  = 3
      min_insync_replicas = 2
      producer_byte_rate  = 10485760
    }
  }

  # State has the partitions of the processor's largest input. What refine has
  # seen it needs for a day, and two hours more for clocks that differ.
  processors = {
    aggregate = {
      state = local.sizes.keyed
    }
    collect = {
      port    = var.collector_port
      secrets = { HEADWATER_WRITE_KEYS = "write_keys" }
    }
    refine = {
      state = merge(local.sizes.standard, { retention = "26h" })
    }
    sessionize = {
      state = local.sizes.keyed
    }
  }
}

resource "headwater_broker" "this" {
  for_each = toset(["0", "1", "2", "3", "4", "5"])

  node_id    = tonumber(each.key)
  on_destroy = "abandon" # the brokers end with the platform, not with this entry
}

module "catalogue" {
  source = "../../schemas"

  deletion_protection = var.deletion_protection
  password_version    = var.password_version
  passwords           = var.passwords
  sizes               = local.sizes

  depends_on = [headwater_broker.this]
}

module "processor" {
  source   = "../../modules/processor_local"
  for_each = local.processors

  name     = each.key
  program  = "${var.programs_dir}/${each.key}"
  revision = filesha256("${var.programs_dir}/${each.key}")
  port     = lookup(each.value, "port", null)

  tasks     = lookup(var.tasks, each.key, 1)
  autoscale = lookup(var.autoscale, each.key, null)

  secret_environment = lookup(each.value, "secrets", {})

  password         = var.passwords[each.key]
  password_version = var.password_version

  state = !can(each.value.state) ? null : merge(
    each.value.state, { deletion_protection = var.deletion_protection },
  )

  # A processor that starts before its topics would wait for them.
  depends_on = [module.catalogue]
}
