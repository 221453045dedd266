output "service_arn" {
  description = "The ECS service."
  value       = aws_ecs_service.this.id
}

output "url" {
  description = "Root of the registry's Confluent API, inside the network."
  value       = "http://${aws_service_discovery_service.this.name}.${var.network.namespace_name}:${local._port}/apis/ccompat/v7"
  depends_on  = [aws_ecs_service.this]
}
