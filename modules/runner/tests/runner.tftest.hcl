# Who can start the runner can change the platform: it takes one subject of the CI,
# and the runner can give nobody more than its bounds, itself least of all.
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
  name               = "headwater-test"
  ecs_cluster_arn    = "arn:aws:ecs:us-east-1:123456789012:cluster/headwater-test"
  image              = "123456789012.dkr.ecr.us-east-1.amazonaws.com/runner@sha256:3f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809"
  state              = { bucket = "headwater-state", key = "test/platform.tfstate" }
  inputs             = { registry_url = "http://registry:8080" }
  secret_environment = { HEADWATER_SASL_PASSWORD = "arn:aws:secretsmanager:us-east-1:123456789012:secret:headwater-test/kafka/admin-a1b2c3" }

  ci = {
    provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    subject      = "repo:acme/headwater:environment:test"
  }

  network = {
    security_groups = { runner = "sg-1" }
    subnets         = { a1 = { id = "subnet-1", availability_zone = "us-east-1a" } }
  }
}

run "one_subject_may_start_it" {
  assert {
    condition     = jsondecode(aws_iam_role.ci.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:acme/headwater:environment:test"
    error_message = "the subject is compared as a whole"
  }
  assert {
    condition     = !strcontains(aws_iam_role.ci.assume_role_policy, "StringLike")
    error_message = "no pattern"
  }
}

run "no_wildcard_action_and_few_wildcard_resources" {
  assert {
    condition = !anytrue([
      for policy in [aws_iam_role_policy.run.policy, aws_iam_role_policy.ci.policy, aws_iam_role_policy.start.policy, aws_iam_policy.boundary.policy] :
      anytrue([for statement in jsondecode(policy).Statement : anytrue([for action in statement.Action : strcontains(action, "*")])])
    ])
    error_message = "every action is named"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.run.policy).Statement : statement.Action if contains(statement.Resource, "*")] == [local._calls_without_resource]
    error_message = "only the calls that know no resource have none"
  }
}

run "it_raises_nobody_above_the_bounds" {
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.run.policy).Statement :
      try(statement.Condition.StringEquals["iam:PermissionsBoundary"], "") == aws_iam_policy.boundary.arn
      if anytrue([for action in statement.Action : contains(["iam:CreateRole", "iam:PutRolePolicy"], action)])
    ])
    error_message = "a role that it makes or gives rights to has the boundary"
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.run.policy, "iam:DeleteRolePermissionsBoundary") && !strcontains(aws_iam_role_policy.run.policy, "iam:CreatePolicyVersion")
    error_message = "it cannot take the boundary away or rewrite it"
  }
  assert {
    condition     = !startswith(aws_iam_role.run.name, "headwater-test-processor-") && endswith(local._processor_roles, ":role/headwater-test-processor-*")
    error_message = "its own role is not among those that it may change"
  }
}

run "it_gets_what_the_cluster_knows" {
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment, { name = "TF_VAR_registry_url", value = "http://registry:8080" })
    error_message = "inputs are variables of Terraform"
  }
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment, { name = "TF_VAR_permissions_boundary_arn", value = aws_iam_policy.boundary.arn })
    error_message = "and so are the bounds that it must give"
  }
  assert {
    condition     = length(aws_iam_role_policy.run.policy) < 10240 && length(aws_iam_policy.boundary.policy) < 6144
    error_message = "IAM takes inline policies of 10,240 characters for a role, and managed ones of 6,144"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets[0].name == "HEADWATER_SASL_PASSWORD"
    error_message = "passwords are injected by reference"
  }
}

run "a_subject_that_lets_others_in" {
  command = plan
  variables {
    ci = { provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com", subject = "repo:acme/*" }
  }
  expect_failures = [var.ci]
}

run "an_image_by_tag" {
  command = plan
  variables {
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/runner:latest"
  }
  expect_failures = [var.image]
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
