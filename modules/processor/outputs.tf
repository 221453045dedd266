output "address" {
  description = "Host that events are sent to over HTTPS: the load balancer's name, for the company's DNS to point at. Null without a listener."
  value       = one([for balancer in aws_lb.this : balancer.dns_name])
}

output "load_balancer" {
  description = "What CloudWatch calls the load balancer and its target group; null without a listener."
  value       = one([for name, balancer in aws_lb.this : { load_balancer = balancer.arn_suffix, target_group = aws_lb_target_group.this[name].arn_suffix }])
}

output "log_group" {
  description = "Where its tasks log."
  value       = aws_cloudwatch_log_group.this.name
}

output "principal" {
  description = "The principal that topics grant rights to."
  value       = local._principal
}

output "scaling" {
  description = "What the capacity publisher is told of it, as an entry of HEADWATER_CAPACITY_PROCESSORS; null where its law does not decide."
  value       = length(local._by_law) == 0 ? null : { service = var.name, target_utilization = var.autoscale.target_utilization }
}

output "service_arn" {
  description = "The ECS service."
  value       = aws_ecs_service.this.id
}

output "state_topic" {
  description = "The topic that holds the processor's state, or null."
  value       = one([for topic in headwater_topic.state : topic.name])
}
