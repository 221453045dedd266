locals {
  _ec2 = "arn:aws:ec2:${local._region}:${local._account}"

  # Attaching names two things: what is attached, and the machine it goes to.
  _own_machine = {
    for id in keys(var.nodes) : id => { StringEquals = { "aws:ResourceTag/headwater:cluster" = var.name, "aws:ResourceTag/headwater:node" = id } }
  }

  _statements = {
    for id, node in var.nodes : id => concat(
      [
        {
          Sid      = "AttachOwn"
          Effect   = "Allow"
          Action   = ["ec2:AttachNetworkInterface", "ec2:AttachVolume"]
          Resource = [aws_ebs_volume.data[id].arn, aws_network_interface.node[id].arn]
        },
        {
          Sid       = "ToOwnMachine"
          Effect    = "Allow"
          Action    = ["ec2:AttachNetworkInterface", "ec2:AttachVolume"]
          Resource  = ["${local._ec2}:instance/*"]
          Condition = local._own_machine[id]
        },
        {
          # These calls know no resource.
          Sid      = "LookAndBeReached"
          Effect   = "Allow"
          Action   = local._calls_without_resource
          Resource = ["*"]
        },
        {
          Sid      = "Artifacts"
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = [for key in values(local._artifacts) : "${aws_s3_bucket.artifacts.arn}/${key}"]
        },
        {
          Sid    = "ReadMarkers"
          Effect = "Allow"
          Action = ["ssm:GetParameter"]
          Resource = concat(
            [aws_ssm_parameter.bootstrapped.arn, aws_ssm_parameter.formatted[id].arn],
            node.role == "controller" ? [for other in keys(local._controllers) : aws_ssm_parameter.formatted[other].arn if other != id] : [],
          )
        },
        {
          Sid      = "SetMarkers"
          Effect   = "Allow"
          Action   = ["ssm:PutParameter"]
          Resource = concat([aws_ssm_parameter.formatted[id].arn], node.role == "controller" ? [aws_ssm_parameter.bootstrapped.arn] : [])
        },
        {
          Sid       = "Certificate"
          Effect    = "Allow"
          Action    = ["acm-pca:IssueCertificate"]
          Resource  = [aws_acmpca_certificate_authority.this.arn]
          Condition = { StringEquals = { "acm-pca:TemplateArn" = local._certificate_template } }
        },
        {
          Sid      = "CertificateIssued"
          Effect   = "Allow"
          Action   = ["acm-pca:GetCertificate"]
          Resource = [aws_acmpca_certificate_authority.this.arn]
        },
      ],
      # Only a controller's first format seeds users.
      node.role == "controller" ? [{
        Sid      = "SeedUsers"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = [for name in local._users : aws_secretsmanager_secret.user[name].arn]
      }] : [],
    )
  }

  _calls_without_resource = [
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeVolumes",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
  ]
}

resource "aws_iam_role" "node" {
  for_each = var.nodes

  name = "${var.name}-kafka-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "node" {
  for_each = var.nodes

  name   = "node"
  role   = aws_iam_role.node[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local._statements[each.key] })
}

resource "aws_iam_instance_profile" "node" {
  for_each = var.nodes

  name = "${var.name}-kafka-${each.key}"
  role = aws_iam_role.node[each.key].name
}
