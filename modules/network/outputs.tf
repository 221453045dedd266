output "domain" {
  description = "Name that the nodes' names stand in."
  value       = aws_route53_zone.nodes.name
}

output "domain_zone_id" {
  description = "Hosted zone of domain."
  value       = aws_route53_zone.nodes.zone_id
}

output "namespace_id" {
  description = "Service discovery namespace that the names of tasks stand in."
  value       = aws_service_discovery_private_dns_namespace.services.id
}

output "namespace_name" {
  description = "Name of that namespace, services.<domain>."
  value       = aws_service_discovery_private_dns_namespace.services.name
}

output "public_subnets" {
  description = "Subnet of the collector's load balancer in each zone, by zone id."
  value       = { for id, subnet in aws_subnet.public : id => subnet.id }
  depends_on  = [aws_route.internet, aws_route_table_association.public]
}

output "security_groups" {
  description = "Security group of each role: broker, collector, controller, endpoint, load_balancer, processor, registry, runner."
  value       = { for role, group in aws_security_group.roles : role => group.id }
  depends_on = [
    aws_vpc_security_group_egress_rule.flows,
    aws_vpc_security_group_egress_rule.s3,
    aws_vpc_security_group_ingress_rule.flows,
    aws_vpc_security_group_ingress_rule.internet,
  ]
}

output "subnets" {
  description = "Private subnet of each zone, by zone id: its id and the zone's name in this account."
  value = {
    for id, subnet in aws_subnet.private : id => {
      id                = subnet.id
      availability_zone = subnet.availability_zone
    }
  }
  depends_on = [
    aws_route_table_association.private,
    aws_vpc_endpoint.iam,
    aws_vpc_endpoint.s3,
    aws_vpc_endpoint.services,
  ]
}

output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}
