# What the provider gives to all else does not reach what a group or a template
# makes.
data "aws_default_tags" "this" {}

locals {
  _machine_tags = { for id, tags in local._tags : id => merge(data.aws_default_tags.this.tags, tags) }

  _tags = {
    for id, node in var.nodes : id => {
      Name                = local._hosts[id]
      "headwater:cluster" = var.name
      "headwater:node"    = id
      "headwater:role"    = node.role
    }
  }
}

resource "aws_launch_template" "node" {
  for_each = var.nodes

  name                   = "${var.name}-kafka-${each.key}"
  image_id               = var.image_id
  instance_type          = var.sizes[each.value.role].instance_type
  ebs_optimized          = true
  update_default_version = true
  user_data              = base64gzip(local._cloud_config[each.key])

  iam_instance_profile {
    arn = aws_iam_instance_profile.node[each.key].arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  monitoring {
    enabled = true
  }

  network_interfaces {
    associate_public_ip_address = false
    delete_on_termination       = true
    security_groups             = [var.network.security_groups[each.value.role]]
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = 16
      encrypted             = true
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume"]

    content {
      resource_type = tag_specifications.value
      tags          = local._machine_tags[each.key]
    }
  }
}

# One machine, always: a dead one is replaced in its zone and finds its volume.
# A new template waits for the machine's next start; headwater roll decides when.
resource "aws_autoscaling_group" "node" {
  for_each = var.nodes

  name                      = "${var.name}-kafka-${each.key}"
  min_size                  = 1
  max_size                  = 1
  desired_capacity          = 1
  vpc_zone_identifier       = [var.network.subnets[each.value.zone_id].id]
  health_check_type         = "EC2"
  health_check_grace_period = 300
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = aws_launch_template.node[each.key].id
    version = aws_launch_template.node[each.key].latest_version
  }

  dynamic "tag" {
    for_each = local._machine_tags[each.key]

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  depends_on = [
    aws_ebs_volume.data,
    aws_iam_role_policy.node,
    aws_route53_record.node,
    aws_secretsmanager_secret_version.user,
    aws_ssm_parameter.bootstrapped,
    aws_ssm_parameter.formatted,
  ]
}
