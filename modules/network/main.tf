data "aws_caller_identity" "this" {}

data "aws_region" "this" {}

locals {
  _region = data.aws_region.this.name
  _zones  = { for i, id in var.zone_ids : id => i }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true

  tags = { Name = var.name }
}

# Nobody uses the group that every network is born with: it lets nothing pass.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-closed" }
}

# No route leaves the private subnets but those to the endpoints.
resource "aws_subnet" "private" {
  for_each = local._zones

  vpc_id               = aws_vpc.this.id
  availability_zone_id = each.key
  cidr_block           = cidrsubnet(var.cidr, 4, each.value)

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-private" }
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  route_table_id = aws_route_table.private.id
  subnet_id      = each.value.id
}

# Holds the collector's load balancer and nothing else.
resource "aws_subnet" "public" {
  for_each = local._zones

  vpc_id                  = aws_vpc.this.id
  availability_zone_id    = each.key
  cidr_block              = cidrsubnet(var.cidr, 8, 240 + each.value)
  map_public_ip_on_launch = false

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = var.name }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  route_table_id = aws_route_table.public.id
  subnet_id      = each.value.id
}

resource "aws_route53_zone" "nodes" {
  name          = var.domain
  comment       = "Nodes of ${var.name}"
  force_destroy = false

  vpc {
    vpc_id = aws_vpc.this.id
  }
}

resource "aws_service_discovery_private_dns_namespace" "services" {
  name        = "services.${var.domain}"
  description = "Tasks of ${var.name}"
  vpc         = aws_vpc.this.id
}
