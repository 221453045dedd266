variable "passwords" {
  description = "Password of each principal, by its name, read back from the secret store."
  type        = map(string)
  ephemeral   = true
}

locals {
  # In a place: the outputs of its cluster root and of schemas/.
  platform = {
    name                     = "headwater-staging"
    ecs_cluster              = { arn = "arn:aws:ecs:us-east-1:123456789012:cluster/headwater-staging", name = "headwater-staging" }
    kafka                    = { bootstrap_servers = "kafka-1.staging.headwater.internal:9092", ca_certificate = "-----BEGIN CERTIFICATE-----\n" }
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/headwater-staging-processor-boundary"
    registry_url             = "http://registry.services.staging.headwater.internal:8080/apis/ccompat/v7"

    network = {
      vpc_id          = "vpc-1"
      public_subnets  = { use1-az1 = "subnet-11", use1-az2 = "subnet-12" }
      security_groups = { collector = "sg-1", load_balancer = "sg-2", processor = "sg-3" }
      subnets = {
        use1-az1 = { id = "subnet-1", availability_zone = "us-east-1a" }
        use1-az2 = { id = "subnet-2", availability_zone = "us-east-1b" }
      }
    }

    secret_arns = {
      collect    = "arn:aws:secretsmanager:us-east-1:123456789012:secret:headwater-staging/collect-a1b2c3:::11111111-2222-4333-8444-555555555555"
      sessionize = "arn:aws:secretsmanager:us-east-1:123456789012:secret:headwater-staging/sessionize-a1b2c3:::11111111-2222-4333-8444-555555555555"
      write_keys = "arn:aws:secretsmanager:us-east-1:123456789012:secret:headwater-staging/write_keys-a1b2c3:::11111111-2222-4333-8444-555555555555"
    }

    streams = {
      "processed.customer_events" = { partitions = 120, consumers = ["sessionize"] }
    }
  }
}

module "sessionize" {
  source   = "../.." # "../../../modules/processor" in environments/<place>/platform
  platform = local.platform

  name  = "sessionize"
  image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sessionize@sha256:3f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"
  reads = ["processed.customer_events"]
  size  = { cpu = 1024, memory_mb = 4096, disk_gb = 30, spot = true }

  autoscale = {
    min_tasks = 2
    max_tasks = 24
    floors = {
      morning = { cron = "0 7 * * ? *", min_tasks = 6, timezone = "Europe/Zurich" }
      night   = { cron = "0 22 * * ? *", min_tasks = 2, timezone = "Europe/Zurich" }
    }
  }

  environment      = { HEADWATER_STANDBYS = "1" }
  password         = var.passwords["sessionize"]
  password_version = 1
  state            = { partitions = 120, replication_factor = 3, min_insync_replicas = 2 }
}

module "collect" {
  source   = "../.."
  platform = local.platform

  name      = "collect"
  image     = "123456789012.dkr.ecr.us-east-1.amazonaws.com/collect@sha256:4f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"
  autoscale = { min_tasks = 2, max_tasks = 8 }

  listener = {
    port            = 8080
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-4333-8444-555555555555"
  }

  password           = var.passwords["collect"]
  password_version   = 1
  secret_environment = { HEADWATER_WRITE_KEYS = "write_keys" }
}
