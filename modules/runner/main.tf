data "aws_caller_identity" "this" {}

data "aws_region" "this" {}

locals {
  _account = data.aws_caller_identity.this.account_id
  _region  = data.aws_region.this.name
  _name    = "${var.name}-runner"
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.name}/runner"
  retention_in_days = var.log_days
}

# CI starts it with its command: apply of the platform root, from inside the
# network that the brokers are in.
resource "aws_ecs_task_definition" "this" {
  family                   = local._name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 1024
  memory                   = 4096
  execution_role_arn       = aws_iam_role.start.arn
  task_role_arn            = aws_iam_role.run.arn

  runtime_platform {
    cpu_architecture        = "X86_64"
    operating_system_family = "LINUX"
  }

  ephemeral_storage {
    size_in_gib = 21
  }

  container_definitions = jsonencode([{
    name        = "runner"
    image       = var.image
    essential   = true
    stopTimeout = 120
    environment = concat(
      [{ name = "AWS_REGION", value = local._region }],
      [for key, value in merge(var.inputs, { permissions_boundary_arn = aws_iam_policy.boundary.arn }) : { name = "TF_VAR_${key}", value = value }],
    )
    secrets = [for variable, arn in var.secret_environment : { name = variable, valueFrom = arn }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = local._region
        awslogs-stream-prefix = "runner"
      }
    }
  }])
}
