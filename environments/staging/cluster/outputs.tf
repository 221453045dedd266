output "alarm_topic_arn" {
  description = "SNS topic that alarms go to."
  value       = aws_sns_topic.alarms.arn
}

output "artifact_bucket" {
  description = "Bucket that the nodes read Kafka and Java from."
  value       = module.kafka_cluster.artifact_bucket
}

output "bootstrap_servers" {
  description = "Addresses of the brokers for clients: SCRAM over TLS."
  value       = module.kafka_cluster.bootstrap_servers
}

output "ca_certificate" {
  description = "PEM certificate of the authority that the brokers' certificates come from."
  value       = module.kafka_cluster.ca_certificate
}

output "cluster_id" {
  description = "Kafka's id of the cluster."
  value       = module.kafka_cluster.cluster_id
}

output "ecs_cluster" {
  description = "ECS cluster of the tasks: its ARN and its name, which scaling policies use."
  value       = { arn = aws_ecs_cluster.this.arn, name = aws_ecs_cluster.this.name }
  depends_on  = [aws_ecs_cluster_capacity_providers.this]
}

output "network" {
  description = "Outputs of modules/network: where processors and the collector's load balancer go."
  value       = module.network
}

output "nodes" {
  description = "Kafka's nodes by id: role, name, group of its machine, volume and marker."
  value       = module.kafka_cluster.nodes
}

output "permissions_boundary_arn" {
  description = "Bounds that every role made by the runner must have."
  value       = module.runner.permissions_boundary_arn
}

output "registry_url" {
  description = "Root of the registry's Confluent API, inside the network."
  value       = module.schema_registry.url
}

output "runner" {
  description = "What CI needs to start the runner: its role, and the arguments of aws ecs run-task."
  value       = merge(module.runner.run_task, { ci_role_arn = module.runner.ci_role_arn })
}

output "secret_arns" {
  description = "Secrets of the users that the cluster was seeded with: admin and registry."
  value       = module.kafka_cluster.secret_arns
}
