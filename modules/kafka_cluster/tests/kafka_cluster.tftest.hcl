# A node must be found again after its machine is gone, may touch nothing of
# another node, and has nothing that an eavesdropper or a passer-by could use.
mock_provider "aws" {
  source = "./tests/mocks"
}

run "the_example_applies" {
  command = apply

  module {
    source = "./examples/basic"
  }
  variables {
    passwords = { admin = "secret", registry = "secret" }
  }
}

variables {
  name                = "headwater-test"
  image_id            = "ami-0c101f26f147fa7fd"
  artifacts           = { java_sha256 = "19ad1b88b8fe6af9da3df4c3cdfbbbdc61fd3d64935d7eae7bb00485640b2193", kafka_sha256 = "f1aa6398afb2467d3c67b125a0d59cbf3e7ac42eecc11019730c7e3f6488773d" }
  load                = { gb_per_day = 50, retention_days = 7 }
  passwords           = { admin = "secret" }
  deletion_protection = false # or the test could not clean up

  network = {
    domain          = "test.headwater.internal"
    domain_zone_id  = "Z0123456789"
    security_groups = { broker = "sg-1", controller = "sg-2" }
    subnets = {
      a1 = { id = "subnet-1", availability_zone = "us-east-1a" }
      a2 = { id = "subnet-2", availability_zone = "us-east-1b" }
      a3 = { id = "subnet-3", availability_zone = "us-east-1c" }
    }
  }

  nodes = {
    "1"   = { role = "broker", zone_id = "a1" }
    "2"   = { role = "broker", zone_id = "a2" }
    "3"   = { role = "broker", zone_id = "a3" }
    "4"   = { role = "broker", zone_id = "a1" }
    "5"   = { role = "broker", zone_id = "a2" }
    "6"   = { role = "broker", zone_id = "a3" }
    "101" = { role = "controller", zone_id = "a1" }
    "102" = { role = "controller", zone_id = "a2" }
    "103" = { role = "controller", zone_id = "a3" }
  }

  sizes = {
    broker     = { instance_type = "m7i.large", volume_gb = 300, heap_mb = 2048 }
    controller = { instance_type = "t3.medium", volume_gb = 20, heap_mb = 1024 }
  }
}

run "identity_outlives_the_machine" {
  assert {
    condition     = alltrue([for group in aws_autoscaling_group.node : group.min_size == 1 && group.max_size == 1]) && length(aws_autoscaling_group.node) == 9
    error_message = "one group of one machine for each node"
  }
  assert {
    condition     = alltrue([for id, node in var.nodes : aws_ebs_volume.data[id].availability_zone == var.network.subnets[node.zone_id].availability_zone && aws_ebs_volume.data[id].tags["headwater:node"] == id && aws_ebs_volume.data[id].tags["headwater:disk"] == "data"])
    error_message = "a node's volume is in its zone and is found by its id"
  }
  assert {
    condition     = alltrue([for id in keys(var.nodes) : aws_route53_record.node[id].name == "kafka-${id}.test.headwater.internal"])
    error_message = "a node has a name of its own"
  }
  assert {
    condition     = length(distinct(values(local._id))) == 4 && alltrue([for id in values(local._id) : can(regex("^[0-9A-Za-z]{21}A$", id))])
    error_message = "the cluster and each controller's directory have an id that Kafka takes"
  }
  assert {
    condition     = output.bootstrap_servers == join(",", [for id in range(1, 7) : "kafka-${id}.test.headwater.internal:9092"])
    error_message = "clients are given the brokers, and only them"
  }
}

run "nothing_to_eavesdrop_or_walk_into" {
  assert {
    condition     = alltrue([for volume in aws_ebs_volume.data : volume.encrypted && volume.type == "gp3"])
    error_message = "data is encrypted"
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.node : template.block_device_mappings[0].ebs[0].encrypted == "true"])
    error_message = "the system's disk is encrypted"
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.node : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "the metadata service asks for a token and answers the machine itself only"
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.node : template.network_interfaces[0].associate_public_ip_address == "false" && template.key_name == null])
    error_message = "no public address, no key for SSH"
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.node : length(template.user_data) < 16384 && !strcontains(template.user_data, "secret")])
    error_message = "EC2 takes 16 KiB of user data"
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.artifacts.restrict_public_buckets && aws_s3_bucket_public_access_block.artifacts.block_public_policy
    error_message = "the bucket is nobody else's"
  }
}

run "a_node_may_touch_its_own_only" {
  assert {
    condition     = !anytrue([for policy in aws_iam_role_policy.node : anytrue([for statement in jsondecode(policy.policy).Statement : anytrue([for action in statement.Action : strcontains(action, "*")])])])
    error_message = "no wildcard action"
  }
  assert {
    condition = alltrue([for policy in aws_iam_role_policy.node : alltrue([
      for statement in jsondecode(policy.policy).Statement : statement.Resource != ["*"] || toset(statement.Action) == toset(local._calls_without_resource)
    ])])
    error_message = "every resource is * only for the calls that know none"
  }
  assert {
    condition     = alltrue([for id, statement in local._own_machine : statement.StringEquals["aws:ResourceTag/headwater:node"] == id])
    error_message = "a node attaches to its own machine"
  }
  assert {
    condition     = alltrue([for id, statements in local._statements : anytrue([for statement in statements : statement.Sid == "SeedUsers"]) == (var.nodes[id].role == "controller")])
    error_message = "only controllers read the passwords that they seed"
  }
}

run "the_settings_of_a_cluster_over_three_zones" {
  assert {
    condition     = strcontains(local._files["1"]["/etc/headwater/server.properties"], "\nmin.insync.replicas=2\n") && strcontains(local._files["1"]["/etc/headwater/server.properties"], "\ndefault.replication.factor=3\n")
    error_message = "three copies, two of them in sync"
  }
  assert {
    condition     = strcontains(local._files["1"]["/etc/headwater/server.properties"], "\nbroker.rack=a1\n")
    error_message = "a broker's rack is its zone"
  }
  assert {
    condition     = strcontains(local._files["101"]["/etc/headwater/server.properties"], "\nssl.client.auth=required\n") && strcontains(local._files["101"]["/etc/headwater/server.properties"], "CONTROLLER:SSL\n")
    error_message = "the controllers' listener asks for a certificate"
  }
  assert {
    condition     = length(split(",", local._voters)) == 3
    error_message = "every controller is a voter, by its directory"
  }
}

run "one_broker_more_touches_no_other" {
  variables {
    nodes = {
      "11"  = { role = "broker", zone_id = "a1" }
      "1"   = { role = "broker", zone_id = "a2" }
      "101" = { role = "controller", zone_id = "a1" }
    }
    sizes = {
      broker     = { instance_type = "m7i.large", volume_gb = 900, volume_mbps = 250, heap_mb = 2048 }
      controller = { instance_type = "t3.medium", volume_gb = 20, heap_mb = 1024 }
    }
    seeds     = { registry = { topic_prefix = "headwater.registry", group_prefix = "registry" } }
    passwords = { admin = "secret", registry = "secret" }
  }
  assert {
    condition     = aws_ebs_volume.data["11"].size == 900 && aws_ebs_volume.data["11"].throughput == 250 && keys(aws_secretsmanager_secret.user) == ["admin", "registry"]
    error_message = "nodes are known by id; seeds get a secret each"
  }
  assert {
    condition     = local._files["11"]["/etc/headwater/grants"] == "registry headwater.registry registry\n" && strcontains(local._files["11"]["/etc/headwater/server.properties"], "\nmin.insync.replicas=1\n")
    error_message = "brokers grant what seeds own; two brokers keep two copies"
  }
}
