locals {
  _image = regex("\\.ecr\\.(?P<region>[a-z0-9-]+)\\.amazonaws\\.com/(?P<repository>[^@]+)@", var.image)
  _owner = regex("^[0-9]{12}", var.image)

  _assume_by_ecs = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
    }]
  })
}

# What ECS needs to start the task: the image, the log, the passwords.
resource "aws_iam_role" "start" {
  name               = "${local._name}-start"
  assume_role_policy = local._assume_by_ecs
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
        Resource = values(var.secret_environment)
      },
    ]
  })
}

# A job of the CI may start this task, pass it its own roles, and see how it ends.
resource "aws_iam_role" "ci" {
  name = "${local._name}-ci"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = var.ci.provider_arn }
      Condition = {
        StringEquals = {
          "${local._issuer}:aud" = "sts.amazonaws.com"
          "${local._issuer}:sub" = var.ci.subject
        }
      }
    }]
  })
}

locals {
  _issuer = replace(var.ci.provider_arn, "/^[^/]*oidc-provider\\//", "")
  _tasks  = replace(var.ecs_cluster_arn, ":cluster/", ":task/")
}

resource "aws_iam_role_policy" "ci" {
  name = "start"
  role = aws_iam_role.ci.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Action    = ["ecs:RunTask"]
        Resource  = ["arn:aws:ecs:${local._region}:${local._account}:task-definition/${local._name}:*"]
        Condition = { ArnEquals = { "ecs:cluster" = var.ecs_cluster_arn } }
      },
      {
        Effect   = "Allow"
        Action   = ["ecs:DescribeTasks", "ecs:StopTask"]
        Resource = ["${local._tasks}/*"]
      },
      {
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [aws_iam_role.run.arn, aws_iam_role.start.arn]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      {
        Effect   = "Allow"
        Action   = ["logs:GetLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:log-stream:*"]
      },
    ]
  })
}
