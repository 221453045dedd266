output "apply_role_arn" {
  description = "APPLY_ROLE_ARN of the GitHub environment that is called like the place."
  value       = aws_iam_role.apply.arn
}

output "oidc_provider_arn" {
  description = "ci.provider_arn of the cluster root."
  value       = aws_iam_openid_connect_provider.ci.arn
}

output "plan_role_arn" {
  description = "PLAN_ROLE_ARN of the GitHub environment <place>-plan."
  value       = aws_iam_role.plan.arn
}

output "registry" {
  description = "Where images are pushed: PUSH of make images, by program."
  value       = { for program, repository in aws_ecr_repository.program : program => repository.repository_url }
}

output "state_bucket" {
  description = "Bucket of Terraform's states, as backend.tf of both roots and state_bucket name it."
  value       = aws_s3_bucket.state.bucket
}
