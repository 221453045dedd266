output "artifact_bucket" {
  description = "Bucket that make artifacts uploads to."
  value       = aws_s3_bucket.artifacts.bucket
}

output "bootstrap_servers" {
  description = "Addresses of the brokers for clients: SCRAM over TLS."
  value       = join(",", [for id in keys(local._brokers) : "${local._hosts[id]}:9092"])
  depends_on  = [aws_autoscaling_group.node]
}

output "ca_certificate" {
  description = "PEM certificate of the authority that the brokers' certificates come from."
  value       = aws_acmpca_certificate_authority_certificate.root.certificate
}

output "cluster_id" {
  description = "Kafka's id of the cluster."
  value       = local._id["cluster"]
}

output "nodes" {
  description = "Each node by id: role, name, group of its machine, volume and marker."
  value = {
    for id, node in var.nodes : id => {
      role              = node.role
      zone_id           = node.zone_id
      host              = local._hosts[id]
      autoscaling_group = aws_autoscaling_group.node[id].name
      volume_id         = aws_ebs_volume.data[id].id
      formatted         = aws_ssm_parameter.formatted[id].name
    }
  }
}

output "secret_arns" {
  description = "Secret that holds the password of each seeded user, by name: admin and the seeds."
  value       = { for name, secret in aws_secretsmanager_secret.user : name => secret.arn }
  depends_on  = [aws_secretsmanager_secret_version.user]
}
