data "aws_caller_identity" "this" {}

data "aws_region" "this" {}

locals {
  _account = data.aws_caller_identity.this.account_id
  _region  = data.aws_region.this.name

  _brokers     = { for id, node in var.nodes : id => node if node.role == "broker" }
  _controllers = { for id, node in var.nodes : id => node if node.role == "controller" }
  _hosts       = { for id, node in var.nodes : id => "kafka-${id}.${var.network.domain}" }
  _copies      = min(3, length(local._brokers))
  _users       = toset(concat(["admin"], keys(var.seeds)))

  # Made once and kept in state: 21 letters of a hash and one more are a Kafka id
  # of 16 bytes, and none begins with a hyphen.
  _id = {
    for key, drawn in merge(terraform_data.directory, { cluster = terraform_data.cluster }) :
    key => "${substr(replace(replace(base64sha256(drawn.id), "+", "A"), "/", "B"), 0, 21)}A"
  }
  _voters = join(",", [for id in keys(local._controllers) : "${id}@${local._hosts[id]}:9093:${local._id[id]}"])
}

resource "terraform_data" "cluster" {}

resource "terraform_data" "directory" {
  for_each = local._controllers
}

# A node's volume and address outlive its machines, which find them by tag.
resource "aws_ebs_volume" "data" {
  for_each = var.nodes

  availability_zone = var.network.subnets[each.value.zone_id].availability_zone
  type              = "gp3"
  size              = var.sizes[each.value.role].volume_gb
  throughput        = var.sizes[each.value.role].volume_mbps
  encrypted         = true

  tags = merge(local._tags[each.key], { "headwater:disk" = "data" })
}

resource "aws_network_interface" "node" {
  for_each = var.nodes

  description     = "Address of ${local._hosts[each.key]}"
  subnet_id       = var.network.subnets[each.value.zone_id].id
  security_groups = [var.network.security_groups[each.value.role]]

  tags = merge(local._tags[each.key], { "headwater:address" = "node" })
}

resource "aws_route53_record" "node" {
  for_each = aws_network_interface.node

  zone_id = var.network.domain_zone_id
  name    = local._hosts[each.key]
  type    = "A"
  ttl     = 60
  records = [each.value.private_ip]
}

# Refuses what would lose data, before anything of the node is touched.
resource "terraform_data" "protection" {
  for_each = var.nodes

  input = {
    protected = var.deletion_protection
    node      = local._hosts[each.key]
    group     = aws_autoscaling_group.node[each.key].name
    volume    = aws_ebs_volume.data[each.key].id
  }

  provisioner "local-exec" {
    when    = destroy
    command = self.output.protected ? "echo '${self.output.node} holds data and is protected: apply deletion_protection = false first' >&2; exit 1" : "true"
  }
}
