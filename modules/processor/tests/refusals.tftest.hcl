# What would fail at three in the morning is refused in the plan, in a sentence.
mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "headwater" {}

variables {
  name             = "sessionize"
  image            = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sessionize@sha256:3f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"
  autoscale        = { min_tasks = 2, max_tasks = 12 }
  password         = "secret"
  password_version = 1
  reads            = ["processed.customer_events"]
  state            = { partitions = 12, replication_factor = 3, min_insync_replicas = 2 }

  platform = {
    name                     = "headwater-test"
    ecs_cluster              = { arn = "arn:aws:ecs:us-east-1:123456789012:cluster/headwater-test", name = "headwater-test" }
    kafka                    = { bootstrap_servers = "kafka-1:9092", ca_certificate = "" }
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    registry_url             = "http://registry:8080"
    secret_arns              = { sessionize = "arn:aws:secretsmanager:us-east-1:123456789012:secret:headwater-test/sessionize-a1b2c3:::v1" }
    streams = {
      "processed.customer_events" = { partitions = 12, consumers = ["sessionize"] }
      "processed.identity_links"  = { partitions = 12, consumers = ["refine"] }
    }
    network = {
      vpc_id          = "vpc-1"
      public_subnets  = {}
      security_groups = { collector = "sg-1", load_balancer = "sg-2", processor = "sg-3" }
      subnets         = { a1 = { id = "subnet-1", availability_zone = "us-east-1a" } }
    }
  }
}

run "the_start_is_no_refusal" {
  command = plan
}

run "an_image_by_tag" {
  command = plan
  variables {
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sessionize:latest"
  }
  expect_failures = [var.image]
}

run "an_image_from_elsewhere" {
  command = plan
  variables {
    image = "ghcr.io/acme/sessionize@sha256:3f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"
  }
  expect_failures = [var.image]
}

run "an_event_that_nobody_declared" {
  command = plan
  variables {
    reads = ["processed.customer_events", "processed.customer_moods"]
  }
  expect_failures = [var.reads]
}

run "an_event_that_does_not_let_it" {
  command = plan
  variables {
    reads = ["processed.identity_links"]
  }
  expect_failures = [var.reads]
}

run "more_tasks_than_partitions" {
  command = plan
  variables {
    autoscale = { min_tasks = 2, max_tasks = 13 }
  }
  expect_failures = [var.autoscale]
}

run "a_floor_of_one" {
  command = plan
  variables {
    autoscale = { min_tasks = 1, max_tasks = 12 }
  }
  expect_failures = [var.autoscale]
}

run "bounds_in_the_wrong_order" {
  command = plan
  variables {
    autoscale = { min_tasks = 6, max_tasks = 4 }
  }
  expect_failures = [var.autoscale]
}

run "bounds_that_nothing_moves_between" {
  command = plan
  variables {
    state = null
  }
  expect_failures = [var.autoscale]
}

run "a_scheduled_floor_of_one" {
  command = plan
  variables {
    autoscale = { min_tasks = 2, max_tasks = 12, floors = { night = { cron = "0 22 * * ? *", min_tasks = 1 } } }
  }
  expect_failures = [var.autoscale]
}

run "a_scheduled_floor_that_cannot_move" {
  command = plan
  variables {
    autoscale = { min_tasks = 4, max_tasks = 4, floors = { night = { cron = "0 22 * * ? *", min_tasks = 2 } } }
  }
  expect_failures = [var.autoscale]
}

run "a_utilization_above_all_of_the_time" {
  command = plan
  variables {
    autoscale = { min_tasks = 2, max_tasks = 12, target_utilization = 78 }
  }
  expect_failures = [var.autoscale]
}

run "a_secret_that_is_missing" {
  command = plan
  variables {
    secret_environment = { HEADWATER_GEO_KEY = "geo_key" }
  }
  expect_failures = [var.secret_environment]
}

run "a_processor_without_a_password" {
  command = plan
  variables {
    name  = "profile"
    reads = []
    state = null
  }
  expect_failures = [var.platform]
}

run "state_that_does_not_stand_beside_its_input" {
  command = plan
  variables {
    state = { partitions = 6, replication_factor = 3, min_insync_replicas = 2 }
  }
  expect_failures = [var.state]
}

run "a_size_that_nobody_sells" {
  command = plan
  variables {
    size = { cpu = 256, memory_mb = 8192 }
  }
  expect_failures = [var.size]
}

run "an_action_for_everything" {
  command = plan
  variables {
    rights = [{ actions = ["s3:*"], resources = ["arn:aws:s3:::headwater-test-archive"] }]
  }
  expect_failures = [var.rights]
}

run "a_door_without_a_certificate" {
  command = plan
  variables {
    listener = { port = 8080, certificate_arn = "" }
  }
  expect_failures = [var.listener]
}

run "a_name_that_is_no_verb" {
  command = plan
  variables {
    name = "Session-izer"
  }
  expect_failures = [var.name]
}
