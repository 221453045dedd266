# The archive is the last copy of everything: nobody reads it unasked, nothing in it
# is gone at a slip, and its writer has no right on anything else.
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
  name = "headwater-test"
}

run "closed_encrypted_and_versioned" {
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls, aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls, aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "nothing in it can be made public"
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule[*]).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256" && aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "encrypted, and each version kept"
  }
  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Effect == "Deny" && jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "TLS only"
  }
  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "a bucket with files in it stays"
  }
}

run "old_files_get_colder" {
  assert {
    condition     = { for t in aws_s3_bucket_lifecycle_configuration.this.rule[0].transition : t.storage_class => t.days } == { STANDARD_IA = 30, GLACIER_IR = 120 } && aws_s3_bucket_lifecycle_configuration.this.rule[0].filter[0].prefix == "events/"
    error_message = "events, and not the commits beside them"
  }
}

run "rights_on_this_bucket_only" {
  assert {
    condition     = alltrue(flatten([for right in output.rights : [for resource in right.resources : contains(["arn:aws:s3:::headwater-test-archive-123456789012", "arn:aws:s3:::headwater-test-archive-123456789012/*"], resource)]]))
    error_message = "no other bucket"
  }
  assert {
    condition     = !anytrue(flatten([for right in output.rights : [for action in right.actions : strcontains(action, "*") || strcontains(action, "Version")]])) && output.environment == { HEADWATER_ARCHIVE = "s3://headwater-test-archive-123456789012" }
    error_message = "and no call that could take an old version away"
  }
}

run "a_bucket_on_its_way_out" {
  variables {
    deletion_protection = false
  }
  assert {
    condition     = aws_s3_bucket.this.force_destroy
    error_message = "the mark that policies/data.rego asks for"
  }
}

run "infrequent_access_too_early" {
  command = plan
  variables {
    colder_after_days = { infrequent = 7 }
  }
  expect_failures = [var.colder_after_days]
}

run "glacier_before_infrequent_access" {
  command = plan
  variables {
    colder_after_days = { infrequent = 60, glacier = 60 }
  }
  expect_failures = [var.colder_after_days]
}

run "half_a_day" {
  command = plan
  variables {
    undelete_days = 0.5
  }
  expect_failures = [var.undelete_days]
}

run "a_name_with_capitals" {
  command = plan
  variables {
    name = "Headwater"
  }
  expect_failures = [var.name]
}
