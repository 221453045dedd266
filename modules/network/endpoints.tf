locals {
  # What the platform calls, and who calls it. There is no other way out.
  _services = {
    "acm-pca"                 = "nodes: certificates"
    "application-autoscaling" = "runner: scaling of processors"
    "autoscaling"             = "runner: replacing a node"
    "ec2"                     = "nodes: attaching volume and address; runner"
    "ecr.api"                 = "tasks: images"
    "ecr.dkr"                 = "tasks: images"
    "ecs"                     = "runner: services of processors; the capacity publisher"
    "elasticloadbalancing"    = "runner: the collector's load balancer"
    "logs"                    = "tasks: logs"
    "monitoring"              = "tasks: metrics"
    "secretsmanager"          = "nodes, tasks, runner: passwords"
    "servicediscovery"        = "runner: names of tasks"
    "ssm"                     = "nodes: markers and sessions of people"
    "ssmmessages"             = "nodes: sessions of people"
    "sts"                     = "everybody: who am I"
  }

  _endpoint_zones = slice(var.zone_ids, 0, coalesce(var.endpoint_zones, length(var.zone_ids)))
  _endpoint_subnets = [
    for id in local._endpoint_zones : aws_subnet.private[id].id
  ]

  _s3_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OwnBuckets"
        Effect    = "Allow"
        Principal = "*"
        Action = [
          "s3:AbortMultipartUpload",
          "s3:DeleteObject",
          "s3:GetBucketLocation",
          "s3:GetObject",
          "s3:GetObjectVersion",
          "s3:ListBucket",
          "s3:ListMultipartUploadParts",
          "s3:PutObject",
        ]
        Resource  = "*"
        Condition = { StringEquals = { "aws:ResourceAccount" = data.aws_caller_identity.this.account_id } }
      },
      {
        # The runner makes the archive's bucket. Only its role may, wherever it calls from.
        Sid       = "MakeOwnBuckets"
        Effect    = "Allow"
        Principal = "*"
        Action = [
          "s3:CreateBucket",
          "s3:DeleteBucket",
          "s3:DeleteBucketPolicy",
          "s3:GetAccelerateConfiguration",
          "s3:GetBucketAcl",
          "s3:GetBucketCORS",
          "s3:GetBucketLogging",
          "s3:GetBucketObjectLockConfiguration",
          "s3:GetBucketPolicy",
          "s3:GetBucketPublicAccessBlock",
          "s3:GetBucketRequestPayment",
          "s3:GetBucketTagging",
          "s3:GetBucketVersioning",
          "s3:GetBucketWebsite",
          "s3:GetEncryptionConfiguration",
          "s3:GetLifecycleConfiguration",
          "s3:GetReplicationConfiguration",
          "s3:PutBucketPolicy",
          "s3:PutBucketPublicAccessBlock",
          "s3:PutBucketTagging",
          "s3:PutBucketVersioning",
          "s3:PutEncryptionConfiguration",
          "s3:PutLifecycleConfiguration",
        ]
        Resource  = "arn:aws:s3:::${var.name}-*"
        Condition = { StringEquals = { "aws:PrincipalAccount" = data.aws_caller_identity.this.account_id } }
      },
      {
        Sid       = "LayersOfImages"
        Effect    = "Allow"
        Principal = "*"
        Action    = ["s3:GetObject"]
        Resource  = "arn:aws:s3:::prod-${local._region}-starport-layer-bucket/*"
      },
    ]
  }
}

# The objects that leave go to buckets of this account only.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${local._region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]
  policy            = jsonencode(local._s3_policy)

  tags = { Name = "${var.name}-s3" }
}

resource "aws_vpc_endpoint" "services" {
  for_each = local._services

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${local._region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  security_group_ids  = [aws_security_group.roles["endpoint"].id]
  subnet_ids          = local._endpoint_subnets

  tags = { Name = "${var.name}-${each.key}", For = each.value }
}

# IAM is one service of all regions and answers in one of them.
resource "aws_vpc_endpoint" "iam" {
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.iam"
  service_region      = "us-east-1"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  security_group_ids  = [aws_security_group.roles["endpoint"].id]
  subnet_ids          = local._endpoint_subnets

  tags = { Name = "${var.name}-iam", For = "runner: roles of processors" }
}
