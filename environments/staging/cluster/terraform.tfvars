place        = "staging"
account_id   = "222222222222"
region       = "us-east-1"
state_bucket = "headwater-staging-state"

tags = {
  owner       = "platform"
  cost_center = "customer-data"
}

ci = {
  provider_arn = "arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com"
  subject      = "repo:headwater/headwater:environment:staging"
}

network = {
  cidr           = "10.40.0.0/16"
  zone_ids       = ["use1-az1", "use1-az2", "use1-az4"]
  endpoint_zones = 1
  flow_log_days  = 30
}

# A tenth of production on the same nodes: what staging shows, production does.
kafka = {
  # aws ssm get-parameter --name /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64 prints the newest.
  image_id = "ami-0c101f26f147fa7fd"

  # What make artifacts prints: the same bytes on every machine.
  artifacts = {
    java_sha256  = "19ad1b88b8fe6af9da3df4c3cdfbbbdc61fd3d64935d7eae7bb00485640b2193"
    kafka_sha256 = "f1aa6398afb2467d3c67b125a0d59cbf3e7ac42eecc11019730c7e3f6488773d"
  }

  load = { gb_per_day = 5, retention_days = 7 }

  sizes = {
    broker     = { instance_type = "m7i.large", volume_gb = 100, heap_mb = 2048 }
    controller = { instance_type = "t3.medium", volume_gb = 20, heap_mb = 1024 }
  }

  nodes = {
    "1"   = { role = "broker", zone_id = "use1-az1" }
    "2"   = { role = "broker", zone_id = "use1-az2" }
    "3"   = { role = "broker", zone_id = "use1-az4" }
    "4"   = { role = "broker", zone_id = "use1-az1" }
    "5"   = { role = "broker", zone_id = "use1-az2" }
    "6"   = { role = "broker", zone_id = "use1-az4" }
    "101" = { role = "controller", zone_id = "use1-az1" }
    "102" = { role = "controller", zone_id = "use1-az2" }
    "103" = { role = "controller", zone_id = "use1-az4" }
  }
}

registry = { tasks = 2, cpu = 512, memory_mb = 1024 }
