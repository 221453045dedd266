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
    java_sha256  = "19ad1b88b8fe6af9da3df4c3cdfbbbdc61fd3d64935d7eae7bb00485640b2193"
    kafka_sha256 = "f1aa6398afb2467d3c67b125a0d59cbf3e7ac42eecc11019730c7e3f6488773d"
  }

  seeds               = { registry = { topic_prefix = "headwater.registry", group_prefix = "registry" } }
  passwords           = var.passwords
  password_version    = 1
  deletion_protection = false # true, the default, where it holds data
}
