output "archive_bucket" {
  description = "Bucket of the archive: headwater replay --from s3://<it>."
  value       = module.archive.bucket
}

output "collector" {
  description = "Host that the company's DNS points the collector's name at: its load balancer."
  value       = module.processor["collect"].address
}

output "processors" {
  description = "ECS service of each processor, by its name."
  value       = merge({ for name, processor in module.processor : name => processor.service_arn }, { capacity = module.capacity.service_arn })
}

output "secret_arns" {
  description = "Secret of each team's and processor's password (principals/<name>) and each sender's key (senders/<name>)."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "teams" {
  description = "Contact of each team, by its name."
  value       = module.catalogue.teams
}
