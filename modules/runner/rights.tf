locals {
  # What the platform root is made of: of each kind, the calls that make, read,
  # change and remove it, and the names it may have.
  _rights = {
    Alarms = {
      actions = [
        "cloudwatch:DeleteAlarms", "cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm",
        "cloudwatch:TagResource", "cloudwatch:UntagResource",
      ]
      resources = ["arn:aws:cloudwatch:${local._region}:${local._account}:alarm:${var.name}-*"]
    }
    Dashboards = {
      actions   = ["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"]
      resources = ["arn:aws:cloudwatch::${local._account}:dashboard/${var.name}-*"]
    }
    Buckets = {
      actions = [
        "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:GetAccelerateConfiguration", "s3:GetBucketAcl",
        "s3:GetBucketCORS", "s3:GetBucketLocation", "s3:GetBucketLogging", "s3:GetBucketObjectLockConfiguration",
        "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetBucketRequestPayment", "s3:GetBucketTagging",
        "s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
        "s3:GetReplicationConfiguration", "s3:ListBucket", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketTagging", "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
      ]
      resources = ["arn:aws:s3:::${var.name}-*"]
    }
    Roles = {
      actions = [
        "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
        "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:ListRoleTags", "iam:TagRole", "iam:UntagRole",
      ]
      resources = [local._processor_roles]
    }
    LogGroups = {
      actions = [
        "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteRetentionPolicy", "logs:ListTagsForResource",
        "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource",
      ]
      resources = ["arn:aws:logs:${local._region}:${local._account}:log-group:/${var.name}/*"]
    }
    Secrets = {
      actions = [
        "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret",
        "secretsmanager:GetResourcePolicy", "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds",
        "secretsmanager:PutSecretValue", "secretsmanager:TagResource", "secretsmanager:UntagResource",
        "secretsmanager:UpdateSecret", "secretsmanager:UpdateSecretVersionStage",
      ]
      resources = ["arn:aws:secretsmanager:${local._region}:${local._account}:secret:${var.name}/*"]
    }
    Services = {
      actions = [
        "ecs:CreateService", "ecs:DeleteService", "ecs:DescribeServices", "ecs:TagResource", "ecs:UntagResource",
        "ecs:UpdateService",
      ]
      resources = ["${replace(var.ecs_cluster_arn, ":cluster/", ":service/")}/*"]
    }
    TaskDefinitions = {
      actions   = ["ecs:RegisterTaskDefinition", "ecs:TagResource"]
      resources = ["arn:aws:ecs:${local._region}:${local._account}:task-definition/${var.name}-*:*"]
    }
    Balancers = {
      actions = [
        "elasticloadbalancing:AddTags", "elasticloadbalancing:CreateListener", "elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:CreateRule", "elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:DeleteListener",
        "elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:DeleteRule", "elasticloadbalancing:DeleteTargetGroup",
        "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "elasticloadbalancing:ModifyRule", "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:RemoveTags", "elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets",
      ]
      resources = [
        for kind in ["listener/app", "listener-rule/app", "loadbalancer/app", "targetgroup"] :
        "arn:aws:elasticloadbalancing:${local._region}:${local._account}:${kind}/${var.name}-*"
      ]
    }
    State = {
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["arn:aws:s3:::${var.state.bucket}/${var.state.key}"]
    }
    StateLock = {
      actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      resources = ["arn:aws:s3:::${var.state.bucket}/${var.state.key}.tflock"]
    }
    StateBucket = {
      actions   = ["s3:ListBucket"]
      resources = ["arn:aws:s3:::${var.state.bucket}"]
    }
    Scaling = {
      actions   = ["application-autoscaling:TagResource", "application-autoscaling:UntagResource"]
      resources = ["arn:aws:application-autoscaling:${local._region}:${local._account}:scalable-target/*"]
    }
    # What scales services and balances loads acts under roles that AWS names; the
    # first of an account has to have them made.
    ServiceRoles = {
      actions = ["iam:CreateServiceLinkedRole"]
      resources = [
        for service, role in {
          "ecs.application-autoscaling.amazonaws.com" = "AWSServiceRoleForApplicationAutoScaling_ECSService"
          "elasticloadbalancing.amazonaws.com"        = "AWSServiceRoleForElasticLoadBalancing"
        } : "arn:aws:iam::${local._account}:role/aws-service-role/${service}/${role}"
      ]
    }
    # These calls know no resource.
    Look = {
      actions   = local._calls_without_resource
      resources = ["*"]
    }
  }

  _calls_without_resource = [
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeleteScheduledAction",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "application-autoscaling:ListTagsForResource",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:PutScheduledAction",
    "application-autoscaling:RegisterScalableTarget",
    "cloudwatch:DescribeAlarms",
    "ec2:DescribeAccountAttributes",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ecs:DeregisterTaskDefinition",
    "ecs:DescribeTaskDefinition",
    "elasticloadbalancing:DescribeListenerAttributes",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "logs:DescribeLogGroups",
    "sts:GetCallerIdentity",
  ]

  # The runner's own roles stand outside: it can give itself no rights.
  _processor_roles = "arn:aws:iam::${local._account}:role/${var.name}-processor-*"
}

resource "aws_iam_role" "run" {
  name               = "${local._name}-run"
  assume_role_policy = local._assume_by_ecs
}

resource "aws_iam_role_policy" "run" {
  name = "apply"
  role = aws_iam_role.run.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for sid, right in local._rights : { Sid = sid, Effect = "Allow", Action = right.actions, Resource = right.resources }],
      [
        {
          # A role that it makes or gives rights to has the bounds below.
          Sid       = "BoundedRoles"
          Effect    = "Allow"
          Action    = ["iam:CreateRole", "iam:PutRolePolicy"]
          Resource  = [local._processor_roles]
          Condition = { StringEquals = { "iam:PermissionsBoundary" = aws_iam_policy.boundary.arn } }
        },
        {
          Sid       = "PassRoles"
          Effect    = "Allow"
          Action    = ["iam:PassRole"]
          Resource  = [local._processor_roles]
          Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
        },
      ],
    )
  })
}

# The most that a processor may be allowed, whatever the platform root says.
resource "aws_iam_policy" "boundary" {
  name        = "${var.name}-processor-boundary"
  description = "The most that a role of ${var.name}'s processors may do"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Objects"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
        Resource = ["arn:aws:s3:::${var.name}-*"]
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:${local._region}:${local._account}:log-group:/${var.name}/*"]
      },
      {
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = ["arn:aws:secretsmanager:${local._region}:${local._account}:secret:${var.name}/*"]
      },
      {
        Sid      = "Images"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = ["arn:aws:ecr:${local._region}:${local._account}:repository/*"]
      },
      {
        # The capacity publisher looks at services and puts metrics; images need a token.
        # These calls know no resource.
        Sid      = "Capacity"
        Effect   = "Allow"
        Action   = ["cloudwatch:PutMetricData", "ecr:GetAuthorizationToken", "ecs:ListServices"]
        Resource = ["*"]
      },
      {
        Sid      = "Services"
        Effect   = "Allow"
        Action   = ["ecs:DescribeServices"]
        Resource = ["${replace(var.ecs_cluster_arn, ":cluster/", ":service/")}/*"]
      },
    ]
  })
}
