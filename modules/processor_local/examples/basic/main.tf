variable "passwords" {
  description = "Password of each principal, by its name."
  type        = map(string)
  ephemeral   = true
}

module "refine" {
  source = "../.." # "../../modules/processor_local" in environments/local

  name     = "refine"
  program  = "bin/refine"
  revision = "1"
  tasks    = 2
  port     = null

  environment        = { HEADWATER_LOG_LEVEL = "info" }
  secret_environment = { HEADWATER_GEO_KEY = "geo_key" }

  password         = var.passwords["refine"]
  password_version = 1

  state = {
    partitions          = 6
    replication_factor  = 3
    min_insync_replicas = 2
    retention           = "26h"
    deletion_protection = true
  }
}
