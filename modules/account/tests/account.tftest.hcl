# Whoever takes these roles changes a place, or reads it: one job each may, a plan
# of somebody's pull request sees no secret, and an apply cannot change its own role.
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
  account_id = "123456789012"
  name       = "headwater-test"
  place      = "test"
  programs   = ["refine", "registry", "runner"]
  repository = "acme/headwater"
}

run "one_subject_each" {
  assert {
    condition     = jsondecode(aws_iam_role.plan.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:acme/headwater:environment:test-plan" && jsondecode(aws_iam_role.apply.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:acme/headwater:environment:test"
    error_message = "jobs of the environments that the workflows name"
  }
  assert {
    condition     = !strcontains(aws_iam_role.plan.assume_role_policy, "StringLike") && !strcontains(aws_iam_role.apply.assume_role_policy, "StringLike")
    error_message = "no pattern"
  }
}

run "a_plan_reads_no_secret_and_no_event" {
  assert {
    condition     = endswith(aws_iam_role_policy_attachment.plan.policy_arn, "/ReadOnlyAccess")
    error_message = "it changes nothing"
  }
  assert {
    condition = alltrue([
      for action in ["secretsmanager:GetSecretValue", "logs:GetLogEvents", "s3:GetObject"] :
      anytrue([for s in jsondecode(aws_iam_role_policy.plan.policy).Statement : s.Effect == "Deny" && contains(s.Action, action)])
    ])
    error_message = "what people wrote is denied"
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.plan.policy).Statement : s.NotResource if can(s.NotResource)] == [["arn:aws:s3:::headwater-test-state/test/*"]]
    error_message = "but the state, which holds none of it"
  }
}

run "an_apply_cannot_change_its_own_role" {
  assert {
    condition     = !startswith(aws_iam_role.apply.name, "headwater-test-") && !startswith(aws_iam_role.plan.name, "headwater-test-")
    error_message = "its own role is not among those that it may change"
  }
  assert {
    condition     = alltrue(flatten([for s in jsondecode(aws_iam_role_policy.apply.policy).Statement : [for r in s.Resource : endswith(r, "/headwater-test-*")]])) && !anytrue(flatten([for s in jsondecode(aws_iam_role_policy.apply.policy).Statement : [for a in s.Action : strcontains(a, "*")]]))
    error_message = "named calls on the place's own names"
  }
}

run "states_are_closed_and_kept" {
  assert {
    condition     = aws_s3_bucket.state.bucket == "headwater-test-state" && aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled" && aws_s3_bucket_public_access_block.state.restrict_public_buckets
    error_message = "each version, for nobody else"
  }
}

run "a_repository_that_lets_others_in" {
  command = plan
  variables {
    repository = "acme/*"
  }
  expect_failures = [var.repository]
}

run "an_account_without_a_runner" {
  command = plan
  variables {
    programs = ["refine", "registry"]
  }
  expect_failures = [var.programs]
}

run "an_account_that_is_none" {
  command = plan
  variables {
    account_id = "1234"
  }
  expect_failures = [var.account_id]
}

run "a_name_with_capitals" {
  command = plan
  variables {
    name = "Headwater"
  }
  expect_failures = [var.name]
}

run "a_place_of_two_words" {
  command = plan
  variables {
    place = "test-two"
  }
  expect_failures = [var.place]
}
