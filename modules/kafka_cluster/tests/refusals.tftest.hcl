# What would run and then fail, or lose data, is refused in the plan.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "headwater-test"
  image_id            = "ami-0c101f26f147fa7fd"
  artifacts           = { java_sha256 = "19ad1b88b8fe6af9da3df4c3cdfbbbdc61fd3d64935d7eae7bb00485640b2193", kafka_sha256 = "f1aa6398afb2467d3c67b125a0d59cbf3e7ac42eecc11019730c7e3f6488773d" }
  load                = { gb_per_day = 10, retention_days = 7 }
  passwords           = { admin = "secret" }
  deletion_protection = false

  network = {
    domain          = "test.headwater.internal"
    domain_zone_id  = "Z0123456789"
    security_groups = { broker = "sg-1", controller = "sg-2" }
    subnets = {
      a1 = { id = "subnet-1", availability_zone = "us-east-1a" }
      a2 = { id = "subnet-2", availability_zone = "us-east-1b" }
    }
  }

  nodes = {
    "1"   = { role = "broker", zone_id = "a1" }
    "2"   = { role = "broker", zone_id = "a2" }
    "101" = { role = "controller", zone_id = "a1" }
  }

  sizes = {
    broker     = { instance_type = "m7i.large", volume_gb = 200, heap_mb = 2048 }
    controller = { instance_type = "t3.medium", volume_gb = 20, heap_mb = 1024 }
  }
}

run "brokers_that_zones_do_not_divide" {
  command = plan
  variables {
    nodes = {
      "1"   = { role = "broker", zone_id = "a1" }
      "2"   = { role = "broker", zone_id = "a2" }
      "3"   = { role = "broker", zone_id = "a2" }
      "101" = { role = "controller", zone_id = "a1" }
    }
  }
  expect_failures = [var.nodes]
}

run "two_controllers" {
  command = plan
  variables {
    nodes = {
      "1"   = { role = "broker", zone_id = "a1" }
      "2"   = { role = "broker", zone_id = "a2" }
      "101" = { role = "controller", zone_id = "a1" }
      "102" = { role = "controller", zone_id = "a2" }
    }
  }
  expect_failures = [var.nodes]
}

run "controllers_in_one_zone" {
  command = plan
  variables {
    nodes = {
      "1"   = { role = "broker", zone_id = "a1" }
      "2"   = { role = "broker", zone_id = "a2" }
      "101" = { role = "controller", zone_id = "a1" }
      "102" = { role = "controller", zone_id = "a2" }
      "103" = { role = "controller", zone_id = "a2" }
    }
  }
  expect_failures = [var.nodes]
}

run "a_zone_that_the_network_lacks" {
  command = plan
  variables {
    nodes = {
      "1"   = { role = "broker", zone_id = "a9" }
      "101" = { role = "controller", zone_id = "a9" }
    }
  }
  expect_failures = [var.nodes]
}

run "an_id_that_is_a_name" {
  command = plan
  variables {
    nodes = {
      "one" = { role = "broker", zone_id = "a1" }
      "101" = { role = "controller", zone_id = "a1" }
    }
  }
  expect_failures = [var.nodes]
}

run "a_volume_smaller_than_retention_needs" {
  command = plan
  variables {
    load = { gb_per_day = 20, retention_days = 7 }
  }
  expect_failures = [var.sizes]
}

run "a_volume_that_is_just_large_enough" {
  command = plan
  variables {
    load = { gb_per_day = 18, retention_days = 7 }
  }
}

run "a_volume_that_nobody_sells" {
  command = plan
  variables {
    sizes = {
      broker     = { instance_type = "m7i.large", volume_gb = 200, volume_mbps = 2000, heap_mb = 2048 }
      controller = { instance_type = "t3.medium", volume_gb = 20, heap_mb = 1024 }
    }
  }
  expect_failures = [var.sizes]
}

run "no_load" {
  command = plan
  variables {
    load = { gb_per_day = 0, retention_days = 7 }
  }
  expect_failures = [var.load]
}

run "a_digest_that_is_none" {
  command = plan
  variables {
    artifacts = { java_sha256 = "latest", kafka_sha256 = "f1aa6398afb2467d3c67b125a0d59cbf3e7ac42eecc11019730c7e3f6488773d" }
  }
  expect_failures = [var.artifacts]
}

run "an_image_by_name" {
  command = plan
  variables {
    image_id = "al2023"
  }
  expect_failures = [var.image_id]
}

run "a_seed_called_admin" {
  command = plan
  variables {
    seeds = { admin = { topic_prefix = "everything", group_prefix = "admin" } }
  }
  expect_failures = [var.seeds]
}

run "a_name_with_capitals" {
  command = plan
  variables {
    name = "Headwater"
  }
  expect_failures = [var.name]
}
