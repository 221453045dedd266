# A mistake in a pull request must be refused in its plan, at the argument that
# is wrong.
mock_provider "headwater" {}

variables {
  platform = {
    catalogue_topic = "headwater.catalogue"
    processors      = ["collect", "refine"]
    teams           = ["analytics", "checkout"]
    sizes = {
      keyed    = { partitions = 12, replication_factor = 3, min_insync_replicas = 2 }
      standard = { partitions = 6, replication_factor = 3, min_insync_replicas = 2 }
    }
  }
  domain      = "checkout"
  name        = "gift_sent"
  description = "A customer sent a gift card."
  owner       = "checkout"
  retention   = "30d"
  schema      = <<-EOT
    {"type": "record", "name": "GiftSent", "namespace": "checkout", "fields": [
      {"name": "amount", "type": "double"}, {"name": "recipient", "type": "string"}
    ]}
  EOT
}

run "what_is_refused_below_is_accepted_as_it_stands" {
  command = plan
}

run "no_owner" {
  command = plan
  variables {
    owner = ""
  }
  expect_failures = [var.owner]
}

run "an_unknown_owner" {
  command = plan
  variables {
    owner = "nobody"
  }
  expect_failures = [var.owner]
}

run "a_name_in_capitals" {
  command = plan
  variables {
    name = "GiftSent"
  }
  expect_failures = [var.name]
}

run "a_name_of_one_word" {
  command = plan
  variables {
    name = "gift"
  }
  expect_failures = [var.name]
}

run "a_name_with_hyphens" {
  command = plan
  variables {
    name = "gift-sent"
  }
  expect_failures = [var.name]
}

run "a_domain_with_an_underscore" {
  command = plan
  variables {
    domain = "check_out"
  }
  expect_failures = [var.domain]
}

run "a_description_that_is_no_sentence" {
  command = plan
  variables {
    description = "gift"
  }
  expect_failures = [var.description]
}

run "an_unknown_producer" {
  command = plan
  variables {
    producers = ["collect", "chekout"]
  }
  expect_failures = [var.producers]
}

run "no_producers" {
  command = plan
  variables {
    producers = []
  }
  expect_failures = [var.producers]
}

run "an_unknown_consumer" {
  command = plan
  variables {
    consumers = ["refine", "marketing"]
  }
  expect_failures = [var.consumers]
}

run "an_event_that_nobody_refines" {
  command = plan
  variables {
    consumers = ["analytics"]
  }
  expect_failures = [var.consumers]
}

run "a_pii_field_that_the_schema_lacks" {
  command = plan
  variables {
    pii = ["recipient", "email"]
  }
  expect_failures = [var.pii]
}

run "a_revenue_field_that_the_schema_lacks" {
  command = plan
  variables {
    revenue = "total"
  }
  expect_failures = [var.revenue]
}

run "a_revenue_field_that_is_no_number" {
  command = plan
  variables {
    revenue = "recipient"
  }
  expect_failures = [var.revenue]
}

run "a_negative_retention" {
  command = plan
  variables {
    retention = "-1d"
  }
  expect_failures = [var.retention]
}

run "a_retention_without_a_unit" {
  command = plan
  variables {
    retention = "30"
  }
  expect_failures = [var.retention]
}

run "an_unknown_size" {
  command = plan
  variables {
    size = "huge"
  }
  expect_failures = [var.size]
}

run "a_raw_event_larger_than_refine_s_state" {
  command = plan
  variables {
    size = "keyed"
  }
  expect_failures = [var.size]
}

run "an_unknown_level_of_compatibility" {
  command = plan
  variables {
    compatibility = "MOSTLY"
  }
  expect_failures = [var.compatibility]
}

run "an_unknown_segment_call" {
  command = plan
  variables {
    segment_call = "track"
  }
  expect_failures = [var.segment_call]
}

run "a_schema_that_is_not_json" {
  command = plan
  variables {
    schema = "record GiftSent"
  }
  expect_failures = [var.schema]
}

run "a_schema_of_another_domain" {
  command = plan
  variables {
    schema = "{\"type\": \"record\", \"name\": \"GiftSent\", \"namespace\": \"web\", \"fields\": []}"
  }
  expect_failures = [var.schema]
}

run "a_schema_of_another_name" {
  command = plan
  variables {
    schema = "{\"type\": \"record\", \"name\": \"Gift\", \"namespace\": \"checkout\", \"fields\": []}"
  }
  expect_failures = [var.schema]
}
