module "network" {
  source = "../../../network"

  name     = "headwater-staging"
  cidr     = "10.40.0.0/16"
  domain   = "staging.headwater.internal"
  zone_ids = ["use1-az1", "use1-az2", "use1-az4"]
}

resource "aws_ecs_cluster" "this" {
  name = "headwater-staging"
}

module "schema_registry" {
  source  = "../.." # "../../../modules/schema_registry" in environments/<place>/cluster
  network = module.network

  name            = "headwater-staging"
  ecs_cluster_arn = aws_ecs_cluster.this.arn
  image           = "123456789012.dkr.ecr.us-east-1.amazonaws.com/apicurio@sha256:3f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"
  log_days        = 30
  size            = { tasks = 2, cpu = 512, memory_mb = 1024 }

  kafka = {
    bootstrap_servers = "kafka-1.staging.headwater.internal:9092" # module.kafka_cluster.bootstrap_servers
    ca_certificate    = "-----BEGIN CERTIFICATE-----\n"           # module.kafka_cluster.ca_certificate
    secret_arn        = "arn:aws:secretsmanager:us-east-1:123456789012:secret:headwater-staging/kafka/registry-a1b2c3"
    username          = "registry"
    topic_prefix      = "headwater.registry"
    group_prefix      = "registry"
  }
}
