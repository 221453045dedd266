output "ci_role_arn" {
  description = "Role that a job of the CI takes to start the runner."
  value       = aws_iam_role.ci.arn
}

output "permissions_boundary_arn" {
  description = "Bounds that every role which the runner makes must have."
  value       = aws_iam_policy.boundary.arn
}

output "run_task" {
  description = "What aws ecs run-task needs: cluster, task definition, subnets, security group; and where its log is read."
  value = {
    cluster         = var.ecs_cluster_arn
    log_group       = aws_cloudwatch_log_group.this.name
    task_definition = aws_ecs_task_definition.this.arn
    subnets         = [for subnet in var.network.subnets : subnet.id]
    security_group  = var.network.security_groups["runner"]
  }
  depends_on = [aws_iam_role_policy.run, aws_iam_role_policy.start]
}
