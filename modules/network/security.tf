locals {
  # Who may be connected to, on which port, by whom. Nothing else passes.
  _flows = {
    broker = {
      9091 = ["broker"]                                       # replication
      9092 = ["collector", "processor", "registry", "runner"] # clients
    }
    collector = {
      8080 = ["load_balancer"]
    }
    controller = {
      9093 = ["broker", "controller"]
    }
    endpoint = {
      443 = ["broker", "collector", "controller", "processor", "registry", "runner"]
    }
    registry = {
      8080 = ["collector", "processor", "runner"]
    }
  }

  _roles = {
    broker        = "Kafka brokers"
    collector     = "Tasks of the collector"
    controller    = "Kafka controllers"
    endpoint      = "Endpoints of AWS services"
    load_balancer = "The collector's load balancer"
    processor     = "Tasks of processors"
    registry      = "Tasks of the schema registry"
    runner        = "The task that applies Terraform"
  }

  _rules = merge(flatten([
    for to, ports in local._flows : [
      for port, froms in ports : {
        for from in froms : "${from}-to-${to}-${port}" => { from = from, to = to, port = tonumber(port) }
      }
    ]
  ])...)

  _reads_s3 = toset(local._flows.endpoint[443])
}

resource "aws_security_group" "roles" {
  for_each = local._roles

  name        = "${var.name}-${replace(each.key, "_", "-")}"
  description = each.value
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-${replace(each.key, "_", "-")}" }
}

resource "aws_vpc_security_group_ingress_rule" "flows" {
  for_each = local._rules

  security_group_id            = aws_security_group.roles[each.value.to].id
  referenced_security_group_id = aws_security_group.roles[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = "from ${each.value.from}"
}

resource "aws_vpc_security_group_egress_rule" "flows" {
  for_each = local._rules

  security_group_id            = aws_security_group.roles[each.value.from].id
  referenced_security_group_id = aws_security_group.roles[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = "to ${each.value.to}"
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each = local._reads_s3

  security_group_id = aws_security_group.roles[each.key].id
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "to S3"
}

# The one door to the internet: events over HTTPS.
resource "aws_vpc_security_group_ingress_rule" "internet" {
  security_group_id = aws_security_group.roles["load_balancer"].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "events from everywhere"
}
