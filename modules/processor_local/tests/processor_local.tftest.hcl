# A processor must get the rights of its own name and no others, or one program
# could commit another's offsets.
mock_provider "headwater" {}

run "the_example_applies" {
  command = apply

  module {
    source = "./examples/basic"
  }
  variables {
    passwords = { refine = "secret" }
  }
}

variables {
  name             = "sessionize"
  program          = "bin/sessionize"
  password         = "secret"
  password_version = 1
  state            = { partitions = 12, replication_factor = 3, min_insync_replicas = 2 }
}

run "one_name_for_principal_group_transactions_and_state" {
  assert {
    condition     = headwater_scram_credential.this.username == "sessionize" && output.principal == "User:sessionize"
    error_message = "the principal is the processor's name"
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
    condition     = headwater_acl.state["sessionize"].resource_name == "state.sessionize" && output.state_topic == "state.sessionize"
    error_message = "the state topic is called after the processor"
  }
  assert {
    condition     = headwater_deployment.this.name == "sessionize" && headwater_deployment.this.tasks == 1
    error_message = "the deployment is called after the processor and has one task by default"
  }
}

run "state_is_compacted_and_protected" {
  assert {
    condition     = headwater_topic.state["sessionize"].partitions == 12 && headwater_topic.state["sessionize"].deletion_protection
    error_message = "the environment decides the partitions; state is protected"
  }
  assert {
    condition     = headwater_topic.state["sessionize"].config["cleanup.policy"] == "compact" && headwater_topic.state["sessionize"].retention == null
    error_message = "state without a retention is kept for ever"
  }
}

run "state_with_a_retention_expires" {
  variables {
    name  = "refine"
    state = { partitions = 6, replication_factor = 3, min_insync_replicas = 2, retention = "26h" }
  }
  assert {
    condition     = headwater_topic.state["refine"].config["cleanup.policy"] == "compact,delete" && headwater_topic.state["refine"].retention == "26h"
    error_message = "it is compacted and deleted by age"
  }
}

run "a_processor_without_state_has_no_group" {
  variables {
    name  = "collect"
    state = null
    port  = 19080
  }
  assert {
    condition     = length(headwater_acl.group) + length(headwater_acl.transactions) + length(headwater_acl.state) + length(headwater_topic.state) == 0
    error_message = "collect only writes: no group, transactions or state"
  }
  assert {
    condition     = headwater_deployment.this.port == 19080 && output.state_topic == null
    error_message = "it serves on its port"
  }
}

run "a_name_that_is_no_verb" {
  command = plan
  variables {
    name = "Session-izer"
  }
  expect_failures = [var.name]
}

run "half_a_task" {
  command = plan
  variables {
    tasks = 1.5
  }
  expect_failures = [var.tasks]
}

run "fewer_tasks_than_none" {
  command = plan
  variables {
    tasks = -1
  }
  expect_failures = [var.tasks]
}

run "a_negative_retention_of_state" {
  command = plan
  variables {
    state = { partitions = 6, replication_factor = 3, min_insync_replicas = 2, retention = "-1h" }
  }
  expect_failures = [var.state]
}

run "the_load_decides" {
  variables {
    tasks     = 3
    autoscale = { min_tasks = 2, max_tasks = 12 }
  }
  assert {
    condition     = headwater_deployment.this.autoscale.max_tasks == 12 && headwater_deployment.this.autoscale.target_utilization == 0.78
    error_message = "the bounds are passed on, with the platform's target"
  }
}

run "bounds_in_the_wrong_order" {
  command = plan
  variables {
    autoscale = { min_tasks = 4, max_tasks = 3 }
  }
  expect_failures = [var.autoscale]
}

run "a_utilization_above_all_of_the_time" {
  command = plan
  variables {
    autoscale = { min_tasks = 1, max_tasks = 3, target_utilization = 78 }
  }
  expect_failures = [var.autoscale]
}

run "many_tasks_on_one_port" {
  command = plan
  variables {
    port      = 19080
    autoscale = { min_tasks = 1, max_tasks = 3 }
  }
  expect_failures = [var.autoscale]
}
