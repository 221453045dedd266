locals {
  _assume = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
    }]
  })
  _image = regex("\\.ecr\\.(?P<region>[a-z0-9-]+)\\.amazonaws\\.com/(?P<repository>[^@]+)@", var.image)
  _owner = regex("^[0-9]{12}", var.image)
}

# What ECS needs to start a task: the image, the log, the secrets.
resource "aws_iam_role" "start" {
  name                 = "${local._name}-start"
  assume_role_policy   = local._assume
  permissions_boundary = var.platform.permissions_boundary_arn
}

resource "aws_iam_role_policy" "start" {
  name = "start"
  role = aws_iam_role.start.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"] # knows no resource
        Resource = ["*"]
      },
      {
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = ["arn:aws:ecr:${local._image.region}:${local._owner}:repository/${local._image.repository}"]
      },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      },
      {
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = local._secret_arns
      },
    ]
  })
}

# What the program itself may call of AWS: nothing, for most.
resource "aws_iam_role" "run" {
  name                 = "${local._name}-run"
  assume_role_policy   = local._assume
  permissions_boundary = var.platform.permissions_boundary_arn
}

resource "aws_iam_role_policy" "run" {
  for_each = length(var.rights) > 0 ? toset(["run"]) : toset([])

  name = each.key
  role = aws_iam_role.run.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for right in var.rights : merge(
        { Effect = "Allow", Action = right.actions, Resource = right.resources },
        right.condition == null ? {} : { Condition = right.condition },
      )
    ]
  })
}
