# Reads what Terraform compares with the files, and nothing that people wrote: no
# secret, no event, no log. A pull request's plan runs under it, so its code is
# nobody's yet.
resource "aws_iam_role" "plan" {
  name               = "ci-${var.name}-plan"
  assume_role_policy = local._assume["plan"]
}

resource "aws_iam_role_policy_attachment" "plan" {
  role       = aws_iam_role.plan.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_role_policy" "plan" {
  name = "plan"
  role = aws_iam_role.plan.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "DrawsAndForgets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetRandomPassword"] # knows no resource
        Resource = ["*"]
      },
      {
        Sid         = "NoObjectsButState"
        Effect      = "Deny"
        Action      = ["s3:GetObject", "s3:GetObjectVersion"]
        NotResource = ["${aws_s3_bucket.state.arn}/${var.place}/*"]
      },
      {
        Sid      = "NoSecretsNoLogs"
        Effect   = "Deny"
        Action   = ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery", "secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue"]
        Resource = ["*"]
      },
    ]
  })
}

# Makes and changes the cluster root of this account. Of IAM it has the names that
# this place's roots use; its own role and the plan's are called otherwise.
resource "aws_iam_role" "apply" {
  name               = "ci-${var.name}-apply"
  assume_role_policy = local._assume["apply"]
}

resource "aws_iam_role_policy_attachment" "apply" {
  role       = aws_iam_role.apply.name
  policy_arn = "arn:aws:iam::aws:policy/PowerUserAccess"
}

resource "aws_iam_role_policy" "apply" {
  name = "apply"
  role = aws_iam_role.apply.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "OwnNames"
        Effect = "Allow"
        Action = [
          "iam:AddRoleToInstanceProfile", "iam:AttachRolePolicy", "iam:CreateInstanceProfile", "iam:CreatePolicy",
          "iam:CreatePolicyVersion", "iam:CreateRole", "iam:DeleteInstanceProfile", "iam:DeletePolicy", "iam:DeletePolicyVersion",
          "iam:DeleteRole", "iam:DeleteRolePermissionsBoundary", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
          "iam:GetInstanceProfile", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy",
          "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListInstanceProfileTags", "iam:ListPolicyTags",
          "iam:ListPolicyVersions", "iam:ListRolePolicies", "iam:ListRoleTags", "iam:PutRolePermissionsBoundary",
          "iam:PutRolePolicy", "iam:RemoveRoleFromInstanceProfile", "iam:TagInstanceProfile", "iam:TagPolicy", "iam:TagRole",
          "iam:UntagInstanceProfile", "iam:UntagPolicy", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
        ]
        Resource = [for kind in ["instance-profile", "policy", "role"] : "arn:aws:iam::${var.account_id}:${kind}/${var.name}-*"]
      },
      {
        Sid       = "PassOwnRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = ["arn:aws:iam::${var.account_id}:role/${var.name}-*"]
        Condition = { StringEquals = { "iam:PassedToService" = ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com", "vpc-flow-logs.amazonaws.com"] } }
      },
    ]
  })
}
