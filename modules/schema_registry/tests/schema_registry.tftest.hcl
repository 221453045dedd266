# A schema that is lost or changed on its way breaks every reader: the registry
# keeps schemas in Kafka under its own user, and shows itself to the inside only.
mock_provider "aws" {
  source = "./tests/mocks"
}

run "the_example_applies" {
  command = apply

  module {
    source = "./examples/basic"
  }
}

variables {
  name            = "headwater-test"
  ecs_cluster_arn = "arn:aws:ecs:us-east-1:123456789012:cluster/headwater-test"
  image           = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mirror/apicurio@sha256:3f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"

  kafka = {
    bootstrap_servers = "kafka-1.test.headwater.internal:9092"
    ca_certificate    = "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n"
    secret_arn        = "arn:aws:secretsmanager:us-east-1:123456789012:secret:headwater-test/kafka/registry-a1b2c3"
    username          = "registry"
    topic_prefix      = "headwater.registry"
    group_prefix      = "registry"
  }

  network = {
    namespace_id    = "ns-1"
    namespace_name  = "services.test.headwater.internal"
    security_groups = { registry = "sg-1", broker = "sg-2" }
    subnets         = { a1 = { id = "subnet-1", availability_zone = "us-east-1a" }, a2 = { id = "subnet-2", availability_zone = "us-east-1b" } }
  }
}

run "inside_only_and_rolled_back_when_sick" {
  assert {
    condition     = !aws_ecs_service.this.network_configuration[0].assign_public_ip && aws_ecs_service.this.network_configuration[0].security_groups == toset(["sg-1"]) && length(aws_ecs_service.this.network_configuration[0].subnets) == 2
    error_message = "no public address, in every zone, in its own group"
  }
  assert {
    condition     = aws_ecs_service.this.desired_count == 2 && aws_ecs_service.this.deployment_circuit_breaker[0].rollback && aws_ecs_service.this.deployment_minimum_healthy_percent == 100
    error_message = "a deployment takes nothing away before its successor is healthy"
  }
  assert {
    condition     = output.url == "http://registry.services.test.headwater.internal:8080/apis/ccompat/v7"
    error_message = "it is found under one name"
  }
}

run "schemas_are_in_its_own_topics_over_tls" {
  assert {
    condition     = local._settings["apicurio.kafka.common.security.protocol"] == "SASL_SSL" && local._settings["apicurio.kafka.common.ssl.endpoint.identification.algorithm"] == "https"
    error_message = "it checks whom it talks to"
  }
  assert {
    condition     = alltrue([for key in ["apicurio.kafkasql.topic", "apicurio.kafkasql.snapshots.topic", "apicurio.events.kafka.topic"] : startswith(local._settings[key], "headwater.registry.")])
    error_message = "every topic that it writes has its prefix"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets == [{ name = "KAFKA_PASSWORD", valueFrom = var.kafka.secret_arn }] && strcontains(aws_ecs_task_definition.this.container_definitions, "$${KAFKA_PASSWORD}")
    error_message = "the password is injected, never written down"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].readonlyRootFilesystem
    error_message = "its disk is read-only"
  }
}

run "it_may_read_its_image_and_its_password" {
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.start.policy).Statement : statement.Resource != ["*"] || statement.Action == ["ecr:GetAuthorizationToken"]])
    error_message = "one call knows no resource"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.start.policy, "repository/mirror/apicurio\"")
    error_message = "one repository"
  }
}

run "an_image_by_tag" {
  command = plan
  variables {
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/apicurio:3.3.3"
  }
  expect_failures = [var.image]
}

run "an_image_from_elsewhere" {
  command = plan
  variables {
    image = "quay.io/apicurio/apicurio-registry@sha256:3f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"
  }
  expect_failures = [var.image]
}

run "no_task" {
  command = plan
  variables {
    size = { tasks = 0 }
  }
  expect_failures = [var.size]
}

run "a_size_that_nobody_sells" {
  command = plan
  variables {
    size = { cpu = 512, memory_mb = 8192 }
  }
  expect_failures = [var.size]
}

run "a_retention_that_nobody_sells" {
  command = plan
  variables {
    log_days = 31
  }
  expect_failures = [var.log_days]
}

run "a_name_with_capitals" {
  command = plan
  variables {
    name = "Headwater"
  }
  expect_failures = [var.name]
}
