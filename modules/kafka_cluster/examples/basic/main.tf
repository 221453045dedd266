variable "passwords" {
  description = "Password of each user, by name."
  type        = map(string)
  ephemeral   = true
}

module "network" {
  source = "../../../network"

  name     = "headwater-staging"
  cidr     = "10.40.0.0/16"
  domain   = "staging.headwater.internal"
  zone_ids = ["use1-az1", "use1-az2", "use1-az4"]
}

module "kafka_cluster" {
  source  = "../.." # "../../../modules/kafka_cluster" in environments/<place>/cluster
  network = module.network

  name     = "headwater-staging"
  image_id = "ami-0c101f26f147fa7fd"

  nodes = {
    "1"   = { role = "broker", zone_id = "use1-az1" }
    "2"   = { role = "broker", zone_id = "use1-az2" }
    "3"   = { role = "broker", zone_id = "use1-az4" }
    "101" = { role = "controller", zone_id = "use1-az1" }
    "102" = { role = "controller", zone_id = "use1-az2" }
    "103" = { role = "controller", zone_id = "use1-az4" }
  }

  sizes = {
    broker     = { instance_type = "m7i.large", volume_gb = 600, volume_mbps = 250, heap_mb = 2048 }
    controller = { instance_type = "t3.medium", volume_gb = 20, volume_mbps = 125, heap_mb = 1024 }
  }

  load = { gb_per_day = 50, retention_days = 7 }

  artifacts = {
    java_sha256  = "6f1ed002ab5595859014ebf0951522d9f04ecc1ac0fc4bb0d6de4f3e3ba3ea14"
    kafka_sha256 = "52b68c0ab1a6dd0b6a2a8c9f9d1a5ce6e7ef4a4b5dbd3f0a7c1d2e3f40516273"
  }

  seeds               = { registry = { topic = "headwater.registry", group_prefix = "registry" } }
  passwords           = var.passwords
  password_version    = 1
  deletion_protection = false # true, the default, where it holds data
}
