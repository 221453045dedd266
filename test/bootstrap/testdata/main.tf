# One controller and one broker of modules/kafka_cluster, in as little network as
# they need.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

variable "artifacts" {
  type = object({ java_sha256 = string, kafka_sha256 = string })
}

variable "zone_id" {
  type    = string
  default = "use1-az1"
}

ephemeral "aws_secretsmanager_random_password" "users" {
  for_each = toset(["admin", "registry"])

  password_length     = 40
  exclude_punctuation = true
}

resource "aws_vpc" "this" {
  cidr_block = "10.60.0.0/16"
}

resource "aws_subnet" "this" {
  vpc_id               = aws_vpc.this.id
  availability_zone_id = var.zone_id
  cidr_block           = "10.60.0.0/20"
}

resource "aws_security_group" "node" {
  for_each = toset(["broker", "controller"])

  name   = each.key
  vpc_id = aws_vpc.this.id
}

resource "aws_route53_zone" "this" {
  name = "test.headwater.internal"

  vpc {
    vpc_id = aws_vpc.this.id
  }
}

module "kafka_cluster" {
  source = "../modules/kafka_cluster"

  name      = "headwater-test"
  image_id  = "ami-0c101f26f147fa7fd"
  artifacts = var.artifacts
  load      = { gb_per_day = 1, retention_days = 1 }
  seeds     = { registry = { topic_prefix = "headwater.registry", group_prefix = "registry" } }
  passwords = { for name, drawn in ephemeral.aws_secretsmanager_random_password.users : name => drawn.random_password }

  nodes = {
    "1"   = { role = "broker", zone_id = var.zone_id }
    "101" = { role = "controller", zone_id = var.zone_id }
  }

  sizes = {
    broker     = { instance_type = "t3.small", volume_gb = 20, heap_mb = 256 }
    controller = { instance_type = "t3.small", volume_gb = 20, heap_mb = 128 }
  }

  network = {
    domain          = aws_route53_zone.this.name
    domain_zone_id  = aws_route53_zone.this.zone_id
    security_groups = { for role, group in aws_security_group.node : role => group.id }
    subnets = {
      (var.zone_id) = { id = aws_subnet.this.id, availability_zone = aws_subnet.this.availability_zone }
    }
  }
}

output "cluster" {
  value = module.kafka_cluster
}
