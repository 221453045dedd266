locals {
  _name = "headwater-${var.place}"

  # The registry keeps the schemas in topics of this prefix, which are its own.
  _registry = { topic_prefix = "headwater.registry", group_prefix = "registry" }
}

module "network" {
  source = "../../../modules/network"

  name           = local._name
  cidr           = var.network.cidr
  domain         = "${var.place}.headwater.internal"
  zone_ids       = var.network.zone_ids
  endpoint_zones = var.network.endpoint_zones
  flow_log_days  = var.network.flow_log_days
}

# Drawn by AWS at every run and kept by none but the secret store.
ephemeral "aws_secretsmanager_random_password" "users" {
  for_each = toset(["admin", "registry"])

  password_length     = 40
  exclude_punctuation = true
}

module "kafka_cluster" {
  source  = "../../../modules/kafka_cluster"
  network = module.network

  name                = local._name
  image_id            = var.kafka.image_id
  artifacts           = var.kafka.artifacts
  nodes               = var.kafka.nodes
  sizes               = var.kafka.sizes
  load                = var.kafka.load
  seeds               = { registry = local._registry }
  passwords           = { for name, drawn in ephemeral.aws_secretsmanager_random_password.users : name => drawn.random_password }
  password_version    = var.password_version
  deletion_protection = var.deletion_protection
}

# Holds the registry, the runner and the processors.
resource "aws_ecs_cluster" "this" {
  name = local._name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

module "schema_registry" {
  source  = "../../../modules/schema_registry"
  network = module.network

  name            = local._name
  ecs_cluster_arn = aws_ecs_cluster.this.arn
  image           = var.images["registry"]
  size            = var.registry

  kafka = merge(local._registry, {
    bootstrap_servers = module.kafka_cluster.bootstrap_servers
    ca_certificate    = module.kafka_cluster.ca_certificate
    secret_arn        = module.kafka_cluster.secret_arns["registry"]
    username          = "registry"
  })
}

# Where alarms of this place go. It is not encrypted by a key of its own: CloudWatch
# could not use AWS's, and an alarm holds nothing that is secret.
resource "aws_sns_topic" "alarms" {
  name = "${local._name}-alarms"
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = var.alarm_emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

module "runner" {
  source  = "../../../modules/runner"
  network = module.network

  name            = local._name
  ecs_cluster_arn = aws_ecs_cluster.this.arn
  image           = var.images["runner"]
  ci              = var.ci
  state           = { bucket = var.state_bucket, key = "${var.place}/platform.tfstate" }

  secret_environment = { HEADWATER_SASL_PASSWORD = module.kafka_cluster.secret_arns["admin"] }

  inputs = {
    alarm_topic_arn   = aws_sns_topic.alarms.arn
    bootstrap_servers = module.kafka_cluster.bootstrap_servers
    ca_certificate    = module.kafka_cluster.ca_certificate
    cluster_id        = module.kafka_cluster.cluster_id
    ecs_cluster       = jsonencode({ arn = aws_ecs_cluster.this.arn, name = aws_ecs_cluster.this.name })
    images            = jsonencode({ for program, image in var.images : program => image if !contains(["registry", "runner"], program) })
    network           = jsonencode(module.network)
    nodes             = jsonencode({ for id, node in module.kafka_cluster.nodes : id => { role = node.role, zone_id = node.zone_id } })
    registry_url      = module.schema_registry.url
  }
}

# Goes first of all: a destroy that is refused must not have taken the rest already.
resource "terraform_data" "protection" {
  input = { protected = var.deletion_protection, place = var.place }

  provisioner "local-exec" {
    when    = destroy
    command = self.output.protected ? "echo '${self.output.place} holds data and is protected: apply deletion_protection = false first' >&2; exit 1" : "true"
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    module.kafka_cluster,
    module.network,
    module.runner,
    module.schema_registry,
  ]
}
