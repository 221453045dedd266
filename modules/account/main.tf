# Made once by a person, before anything else can be: the rest of the place keeps
# its state here, is pushed here, and is applied under these roles.
locals {
  _host     = "token.actions.githubusercontent.com"
  _provider = aws_iam_openid_connect_provider.ci.arn

  # One subject each, compared as a whole: a job of one GitHub environment.
  _assume = {
    for use, subject in { apply = "repo:${var.repository}:environment:${var.place}", plan = "repo:${var.repository}:environment:${var.place}-plan" } :
    use => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Principal = { Federated = local._provider }
        Condition = { StringEquals = { "${local._host}:aud" = "sts.amazonaws.com", "${local._host}:sub" = subject } }
      }]
    })
  }
}

resource "aws_iam_openid_connect_provider" "ci" {
  url            = "https://${local._host}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_s3_bucket" "state" {
  bucket = "${var.name}-state"
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket = aws_s3_bucket.state.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# Each state that there was: what a broken apply wrote can be taken back.
resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EncryptedTransportOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
      Resource  = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.state]
}

# Tags move, as the version does from commit to commit: everything runs by digest.
resource "aws_ecr_repository" "program" {
  for_each = var.programs

  name                 = each.key
  image_tag_mutability = "MUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
}
