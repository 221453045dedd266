# What is stored here is what runs: the right program, under its own name and no
# more rights than its own, that drains when told to and scales with its load.
mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "headwater" {}

run "the_example_applies" {
  command = apply

  module {
    source = "./examples/basic"
  }
  variables {
    passwords = { collect = "secret", sessionize = "secret" }
  }
}

variables {
  name             = "sessionize"
  image            = "123456789012.dkr.ecr.us-east-1.amazonaws.com/headwater/sessionize@sha256:3f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"
  autoscale        = { min_tasks = 2, max_tasks = 12 }
  password         = "secret"
  password_version = 1
  reads            = ["processed.customer_events"]
  state            = { partitions = 12, replication_factor = 3, min_insync_replicas = 2 }

  platform = {
    name                     = "headwater-test"
    alarm_topic_arn          = "arn:aws:sns:us-east-1:123456789012:headwater-test-alarms"
    ecs_cluster              = { arn = "arn:aws:ecs:us-east-1:123456789012:cluster/headwater-test", name = "headwater-test" }
    kafka                    = { bootstrap_servers = "kafka-1:9092", ca_certificate = "-----BEGIN CERTIFICATE-----\n" }
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/headwater-test-processor-boundary"
    registry_url             = "http://registry:8080/apis/ccompat/v7"
    secret_arns = {
      collect    = "arn:aws:secretsmanager:us-east-1:123456789012:secret:headwater-test/collect-a1b2c3:::v1"
      sessionize = "arn:aws:secretsmanager:us-east-1:123456789012:secret:headwater-test/sessionize-a1b2c3:::v1"
      write_keys = "arn:aws:secretsmanager:us-east-1:123456789012:secret:headwater-test/write_keys-a1b2c3:::v1"
    }
    streams = {
      "processed.customer_events" = { partitions = 12, consumers = ["sessionize"] }
      "processed.identity_links"  = { partitions = 12, consumers = ["refine"] }
    }
    network = {
      vpc_id          = "vpc-1"
      public_subnets  = { a1 = "subnet-11", a2 = "subnet-12" }
      security_groups = { collector = "sg-1", load_balancer = "sg-2", processor = "sg-3" }
      subnets         = { a1 = { id = "subnet-1", availability_zone = "us-east-1a" }, a2 = { id = "subnet-2", availability_zone = "us-east-1b" } }
    }
  }
}

run "one_name_for_program_principal_group_transactions_and_state" {
  assert {
    condition     = headwater_scram_credential.this.username == "sessionize" && output.principal == "User:sessionize" && aws_ecs_service.this.name == "sessionize"
    error_message = "the principal and the service are the processor's name"
  }
  assert {
    condition     = headwater_acl.group["sessionize"].resource_name == "sessionize" && headwater_acl.group["sessionize"].operations == toset(["DESCRIBE", "READ"])
    error_message = "the group is the processor's name"
  }
  assert {
    condition     = headwater_acl.transactions["sessionize"].resource_name == "sessionize-" && headwater_acl.transactions["sessionize"].pattern_type == "PREFIXED"
    error_message = "transactional ids begin with the processor's name"
  }
  assert {
    condition     = headwater_topic.state["sessionize"].config["cleanup.policy"] == "compact" && headwater_topic.state["sessionize"].partitions == 12 && output.state_topic == "state.sessionize"
    error_message = "state is compacted and as wide as the input"
  }
}

run "the_task_is_what_was_built_and_can_change_nothing_on_its_disk" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].image == var.image && jsondecode(aws_ecs_task_definition.this.container_definitions)[0].entryPoint == ["/usr/local/bin/sessionize"]
    error_message = "the image by digest, its program by path"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].readonlyRootFilesystem && [for mount in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].mountPoints : mount.containerPath] == ["/var/lib/headwater", "/tmp"]
    error_message = "it writes its state and /tmp only"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets == [{ name = "HEADWATER_SASL_PASSWORD", valueFrom = var.platform.secret_arns["sessionize"] }]
    error_message = "the password is injected, with its version"
  }
  assert {
    condition     = !strcontains(aws_ecs_task_definition.this.container_definitions, "\"secret\"")
    error_message = "and stands nowhere"
  }
}

run "slots_for_the_old_tasks_and_the_new" {
  variables {
    autoscale = { min_tasks = 2, max_tasks = 5 }
  }
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment, { name = "HEADWATER_SLOTS", value = "10" }) && headwater_acl.slots["sessionize"].resource_name == "sessionize.slots"
    error_message = "a deployment finds a slot for each of its tasks"
  }
}

run "no_more_slots_than_partitions" {
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment, { name = "HEADWATER_SLOTS", value = "12" })
    error_message = "a task more would have nothing to read"
  }
}

run "who_takes_from_nobody_may_be_one" {
  variables {
    name      = "collect"
    reads     = []
    state     = null
    autoscale = { min_tasks = 1, max_tasks = 1 }
  }
  assert {
    condition     = aws_appautoscaling_target.steady["collect"].min_capacity == 1 && !anytrue([for v in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment : contains(["HEADWATER_SLOTS", "HEADWATER_STATE_DIR"], v.name)])
    error_message = "like the capacity publisher"
  }
}

run "it_drains_before_it_is_killed_and_is_watched" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].stopTimeout > 50 && jsondecode(aws_ecs_task_definition.this.container_definitions)[0].stopTimeout <= 120
    error_message = "longer than any drain, and no longer than Fargate allows"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck.command == ["CMD", "/usr/local/bin/sessionize", "--probe"]
    error_message = "the image has no shell: the program asks itself"
  }
  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].enable && aws_ecs_service.this.deployment_circuit_breaker[0].rollback && aws_ecs_service.this.deployment_minimum_healthy_percent == 100
    error_message = "a deployment that does not come up is taken back, and takes nothing away before"
  }
  assert {
    condition     = !aws_ecs_service.this.network_configuration[0].assign_public_ip && aws_ecs_service.this.network_configuration[0].security_groups == toset(["sg-3"])
    error_message = "no public address, in the group of processors"
  }
}

run "rights_are_of_its_own_things" {
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.start.policy).Statement : statement.Resource != ["*"] || statement.Action == ["ecr:GetAuthorizationToken"]])
    error_message = "one call knows no resource"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.start.policy, "repository/headwater/sessionize\"") && strcontains(aws_iam_role_policy.start.policy, "secret:headwater-test/sessionize-a1b2c3\"") && !strcontains(aws_iam_role_policy.start.policy, "write_keys")
    error_message = "one repository and its own secret, without the version"
  }
  assert {
    condition     = aws_iam_role.run.permissions_boundary == var.platform.permissions_boundary_arn && aws_iam_role.start.permissions_boundary == var.platform.permissions_boundary_arn && length(aws_iam_role_policy.run) == 0
    error_message = "its roles are bounded, and the program's has no right unless asked for"
  }
  assert {
    condition     = startswith(aws_iam_role.run.name, "headwater-test-processor-") && startswith(aws_iam_role.start.name, "headwater-test-processor-")
    error_message = "by the names that the runner may make"
  }
}

run "the_load_decides" {
  assert {
    condition     = aws_appautoscaling_target.steady["sessionize"].resource_id == "service/headwater-test/sessionize" && aws_appautoscaling_target.steady["sessionize"].min_capacity == 2 && aws_appautoscaling_target.steady["sessionize"].max_capacity == 12
    error_message = "between its bounds"
  }
  assert {
    condition     = aws_appautoscaling_policy.ratio["sessionize"].target_tracking_scaling_policy_configuration[0].target_value == 100 && aws_appautoscaling_policy.ratio["sessionize"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metric_name == local._metrics.ratio
    error_message = "the published ratio is held at 100"
  }
  assert {
    condition     = [for step in aws_appautoscaling_policy.lag["sessionize"].step_scaling_policy_configuration[0].step_adjustment : step.scaling_adjustment if step.metric_interval_upper_bound == null || step.metric_interval_upper_bound == ""] == [100] && contains(aws_cloudwatch_metric_alarm.lag["sessionize"].alarm_actions, aws_appautoscaling_policy.lag["sessionize"].arn)
    error_message = "a long wait doubles the tasks at once"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.silence["sessionize"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.silence["sessionize"].alarm_actions == toset([var.platform.alarm_topic_arn])
    error_message = "no word from the publisher is an alarm"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.behind["sessionize"].evaluation_periods == 10 && aws_cloudwatch_metric_alarm.behind["sessionize"].alarm_actions == toset([var.platform.alarm_topic_arn])
    error_message = "and so is a wait that more tasks do not end"
  }
  assert {
    condition     = output.scaling == { service = "sessionize", target_utilization = 0.78 }
    error_message = "the publisher is told what to compute"
  }
  assert {
    condition     = { for name, acl in headwater_acl.capacity : name => acl.resource_type } == { sessionize = "GROUP", "sessionize.slots" = "GROUP", "state.sessionize" = "TOPIC" } && alltrue([for acl in headwater_acl.capacity : acl.operations == toset(["DESCRIBE"])])
    error_message = "and may look at it, and no more"
  }
  assert {
    condition     = length(aws_appautoscaling_policy.cpu) + length(aws_appautoscaling_policy.requests) + length(aws_lb.this) == 0
    error_message = "by its own law only"
  }
}

run "floors_move_by_the_clock" {
  variables {
    autoscale = { min_tasks = 2, max_tasks = 12, floors = { morning = { cron = "0 7 * * ? *", min_tasks = 6 } } }
  }
  assert {
    condition     = length(aws_appautoscaling_target.steady) == 0 && aws_appautoscaling_target.scheduled["sessionize"].max_capacity == 12
    error_message = "the floor is the schedule's"
  }
  assert {
    condition     = aws_appautoscaling_scheduled_action.floor["morning"].schedule == "cron(0 7 * * ? *)" && tonumber(aws_appautoscaling_scheduled_action.floor["morning"].scalable_target_action[0].min_capacity) == 6
    error_message = "at seven there are six"
  }
}

run "a_fixed_number_is_not_scaled" {
  variables {
    autoscale = { min_tasks = 3, max_tasks = 3 }
  }
  assert {
    condition     = aws_appautoscaling_target.steady["sessionize"].min_capacity == 3 && aws_appautoscaling_target.steady["sessionize"].max_capacity == 3 && length(aws_appautoscaling_policy.ratio) + length(aws_appautoscaling_policy.lag) + length(aws_cloudwatch_metric_alarm.silence) == 0 && output.scaling == null
    error_message = "nothing moves it"
  }
}

run "spare_machines_above_the_floor_only" {
  variables {
    size = { spot = true }
  }
  assert {
    condition = toset([for s in aws_ecs_service.this.capacity_provider_strategy : "${s.capacity_provider} ${s.base} ${s.weight}"]) == toset([
      "FARGATE 2 0", "FARGATE_SPOT 0 1",
    ])
    error_message = "the floor stays when spare machines go"
  }
}

run "no_spare_machines_unless_asked_for" {
  assert {
    condition     = aws_ecs_service.this.launch_type == "FARGATE"
    error_message = "spot is a choice"
  }
}

run "the_collector_is_the_one_door" {
  variables {
    name               = "collect"
    image              = "123456789012.dkr.ecr.us-east-1.amazonaws.com/collect@sha256:3f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"
    reads              = []
    state              = null
    secret_environment = { HEADWATER_WRITE_KEYS = "write_keys" }
    listener           = { port = 8080, certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1" }
  }
  assert {
    condition     = aws_lb.this["collect"].tags["headwater:role"] == "collector" && !aws_lb.this["collect"].internal && aws_lb.this["collect"].security_groups == toset(["sg-2"]) && aws_lb.this["collect"].enable_deletion_protection
    error_message = "marked, in the public subnets, behind the one open port"
  }
  assert {
    condition     = aws_lb_listener.this["collect"].protocol == "HTTPS" && aws_lb_listener.this["collect"].port == 443 && startswith(aws_lb_listener.this["collect"].ssl_policy, "ELBSecurityPolicy-TLS13")
    error_message = "TLS only"
  }
  assert {
    condition     = aws_lb_listener.this["collect"].default_action[0].type == "fixed-response" && [for c in aws_lb_listener_rule.events["collect"].condition : tolist([for p in c.path_pattern : p.values][0])][0] == tolist(["/v1/*"])
    error_message = "only events pass, not metrics"
  }
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment, { name = "HEADWATER_LISTEN", value = "0.0.0.0:8080" }) && aws_ecs_service.this.network_configuration[0].security_groups == toset(["sg-1"])
    error_message = "it listens where the load balancer calls"
  }
  assert {
    condition     = length(headwater_acl.group) + length(headwater_acl.transactions) + length(headwater_topic.state) + length(aws_appautoscaling_policy.ratio) + length(aws_cloudwatch_metric_alarm.silence) == 0
    error_message = "it only writes, and has no backlog to be scaled by"
  }
  assert {
    condition     = aws_appautoscaling_policy.cpu["collect"].target_tracking_scaling_policy_configuration[0].target_value == 78 && aws_appautoscaling_policy.requests["collect"].target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type == "ALBRequestCountPerTarget"
    error_message = "it scales on requests and CPU"
  }
}

run "rights_that_were_asked_for" {
  variables {
    rights = [{ actions = ["cloudwatch:PutMetricData"], resources = ["*"], condition = { StringEquals = { "cloudwatch:namespace" = "Headwater" } } }]
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.run["run"].policy).Statement[0].Condition.StringEquals["cloudwatch:namespace"] == "Headwater"
    error_message = "no more than that"
  }
}
