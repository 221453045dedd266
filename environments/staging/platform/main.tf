locals {
  _name = "headwater-${var.place}"

  # State has the partitions of the processor's largest input. What refine has
  # seen it needs for a day, and two hours more for clocks that differ.
  processors = {
    aggregate = {
      state = var.sizes["keyed"]
    }
    archive = {
      environment = module.archive.environment
      rights      = module.archive.rights
    }
    collect = {
      listener = merge(var.collector, { port = 8080 })
      secrets  = { HEADWATER_WRITE_KEYS = "write_keys" }
    }
    refine = {
      state = merge(var.sizes["standard"], { retention = "26h" })
    }
    sessionize = {
      state = var.sizes["keyed"]
    }
  }

  # What every processor here has in common.
  _platform = {
    name                     = local._name
    alarm_topic_arn          = var.alarm_topic_arn
    deletion_protection      = var.deletion_protection
    ecs_cluster              = var.ecs_cluster
    kafka                    = { bootstrap_servers = var.bootstrap_servers, ca_certificate = var.ca_certificate }
    log_days                 = var.log_days
    network                  = var.network
    permissions_boundary_arn = var.permissions_boundary_arn
    registry_url             = var.registry_url
    secret_arns              = local._secret_arns
    streams                  = module.catalogue.streams
  }
}

# Membership and duty of each broker that the cluster root started.
resource "headwater_broker" "this" {
  for_each = { for id, node in var.nodes : id => node if node.role == "broker" }

  node_id    = tonumber(each.key)
  rack       = each.value.zone_id
  state      = lookup(var.duties, each.key, "active")
  on_destroy = var.deletion_protection ? "unregister" : "abandon"
}

# What holds for a subject that says nothing of its own.
resource "headwater_schema_registry_config" "this" {
  compatibility_level = "FULL_TRANSITIVE"
}

module "catalogue" {
  source = "../../../schemas"

  deletion_protection = var.deletion_protection
  password_version    = var.password_version
  passwords           = local._passwords
  sizes               = var.sizes

  depends_on = [headwater_broker.this, headwater_schema_registry_config.this]
}

module "archive" {
  source = "../../../modules/archive"

  name                = local._name
  deletion_protection = var.deletion_protection
}

module "processor" {
  source   = "../../../modules/processor"
  for_each = local.processors
  platform = local._platform

  name  = each.key
  image = var.images[each.key]
  reads = module.catalogue.reads[each.key]

  autoscale = var.processors[each.key].autoscale
  size      = var.processors[each.key].size

  environment        = lookup(each.value, "environment", {})
  secret_environment = lookup(each.value, "secrets", {})
  listener           = lookup(each.value, "listener", null)
  rights             = lookup(each.value, "rights", [])

  password         = local._passwords[each.key]
  password_version = var.password_version

  state = !can(each.value.state) ? null : merge(
    each.value.state, { deletion_protection = var.deletion_protection },
  )

  # A processor that starts before its topics would wait for them.
  depends_on = [module.catalogue]
}

# Says how many tasks each of the others needs: one task, whose silence is an alarm.
module "capacity" {
  source   = "../../../modules/processor"
  platform = local._platform

  name      = "capacity"
  image     = var.images["capacity"]
  autoscale = { min_tasks = 1, max_tasks = 1 }
  size      = { cpu = 256, memory_mb = 512 }

  environment = {
    HEADWATER_CAPACITY_CLUSTER     = var.ecs_cluster.name
    HEADWATER_CAPACITY_ENVIRONMENT = local._name
    HEADWATER_CAPACITY_PROCESSORS  = jsonencode({ for name, processor in module.processor : name => processor.scaling if processor.scaling != null })
  }

  rights = [
    {
      actions   = ["cloudwatch:PutMetricData"]
      resources = ["*"] # knows no resource
      condition = { StringEquals = { "cloudwatch:namespace" = "Headwater" } }
    },
    {
      actions   = ["ecs:DescribeServices"]
      resources = ["${replace(var.ecs_cluster.arn, ":cluster/", ":service/")}/*"]
    },
  ]

  password         = local._passwords["capacity"]
  password_version = var.password_version
}
