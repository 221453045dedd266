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

module "runner" {
  source  = "../.." # "../../../modules/runner" in environments/<place>/cluster
  network = module.network

  name            = "headwater-staging"
  ecs_cluster_arn = aws_ecs_cluster.this.arn
  image           = "123456789012.dkr.ecr.us-east-1.amazonaws.com/runner@sha256:3f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"
  log_days        = 365
  state           = { bucket = "headwater-state", key = "staging/platform.tfstate" }

  ci = {
    provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    subject      = "repo:acme/headwater:environment:staging"
  }

  inputs             = { bootstrap_servers = "kafka-1.staging.headwater.internal:9092" }
  secret_environment = { HEADWATER_SASL_PASSWORD = "arn:aws:secretsmanager:us-east-1:123456789012:secret:headwater-staging/kafka/admin-a1b2c3" }
}
