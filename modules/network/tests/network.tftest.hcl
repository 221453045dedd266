# Nothing of the platform may be reachable from, or reach, what it has no business
# with: one door from the internet, no route out, roles that see only their peers.
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
  name     = "headwater-test"
  cidr     = "10.9.0.0/16"
  domain   = "test.headwater.internal"
  zone_ids = ["use1-az1", "use1-az2", "use1-az4"]
}

run "no_way_in_or_out_but_the_declared" {
  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.flows) == keys(aws_vpc_security_group_egress_rule.flows)
    error_message = "what one side may open, the other side lets in"
  }
  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.flows : rule.cidr_ipv4 == null && rule.from_port == rule.to_port])
    error_message = "inside, who may connect is told by role and one port, never by address"
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.internet.from_port == 443 && aws_vpc_security_group_ingress_rule.internet.to_port == 443
    error_message = "the one door to the internet is HTTPS on the load balancer"
  }
  assert {
    condition     = length([for key in keys(aws_vpc_security_group_ingress_rule.flows) : key if endswith(key, "-to-controller-9093")]) == 2
    error_message = "only nodes reach the controllers"
  }
  assert {
    condition     = alltrue([for subnet in aws_subnet.public : !subnet.map_public_ip_on_launch])
    error_message = "no machine gets a public address by itself"
  }
  assert {
    condition     = alltrue([for association in aws_route_table_association.private : association.route_table_id == aws_route_table.private.id])
    error_message = "every private subnet has the table without a default route"
  }
  assert {
    condition     = aws_route.internet.route_table_id == aws_route_table.public.id && aws_route_table.private.id != aws_route_table.public.id
    error_message = "the way to the internet is in the public table only"
  }
}

run "zones_by_id_and_addresses_apart" {
  assert {
    condition     = keys(output.subnets) == ["use1-az1", "use1-az2", "use1-az4"]
    error_message = "subnets are found by zone id"
  }
  assert {
    condition     = aws_subnet.private["use1-az1"].cidr_block == "10.9.0.0/20" && aws_subnet.private["use1-az4"].cidr_block == "10.9.32.0/20" && aws_subnet.public["use1-az1"].cidr_block == "10.9.240.0/24"
    error_message = "the order of the zones decides the addresses"
  }
}

run "objects_leave_to_own_buckets_only" {
  assert {
    condition     = alltrue([for statement in jsondecode(aws_vpc_endpoint.s3.policy).Statement : statement.Resource != "*" || try(statement.Condition.StringEquals["aws:ResourceAccount"], "") == "123456789012"])
    error_message = "the endpoint of S3 is bound to this account"
  }
  assert {
    condition     = !strcontains(aws_vpc_endpoint.s3.policy, "s3:*")
    error_message = "no wildcard action"
  }
}

run "endpoints_in_fewer_zones" {
  variables {
    endpoint_zones = 1
  }
  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.services : length(endpoint.subnet_ids) == 1 && endpoint.private_dns_enabled])
    error_message = "one address a service, under the service's own name"
  }
}

run "names_of_zones" {
  command = plan
  variables {
    zone_ids = ["us-east-1a", "us-east-1b", "us-east-1c"]
  }
  expect_failures = [var.zone_ids]
}

run "two_zones" {
  command = plan
  variables {
    zone_ids = ["use1-az1", "use1-az2"]
  }
  expect_failures = [var.zone_ids]
}

run "the_same_zone_twice" {
  command = plan
  variables {
    zone_ids = ["use1-az1", "use1-az1", "use1-az2"]
  }
  expect_failures = [var.zone_ids]
}

run "a_network_that_is_too_small" {
  command = plan
  variables {
    cidr = "10.9.0.0/20"
  }
  expect_failures = [var.cidr]
}

run "an_address_inside_a_network" {
  command = plan
  variables {
    cidr = "10.9.1.0/16"
  }
  expect_failures = [var.cidr]
}

run "a_name_that_the_internet_knows" {
  command = plan
  variables {
    domain = "headwater.example.com"
  }
  expect_failures = [var.domain]
}

run "more_endpoint_zones_than_zones" {
  command = plan
  variables {
    endpoint_zones = 4
  }
  expect_failures = [var.endpoint_zones]
}

run "a_retention_that_nobody_sells" {
  command = plan
  variables {
    flow_log_days = 31
  }
  expect_failures = [var.flow_log_days]
}

run "a_name_with_capitals" {
  command = plan
  variables {
    name = "Headwater"
  }
  expect_failures = [var.name]
}
