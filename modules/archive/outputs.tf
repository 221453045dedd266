output "bucket" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
}

output "environment" {
  description = "What the processor archive is told: environment of modules/processor."
  value       = { HEADWATER_ARCHIVE = "s3://${local._bucket}" }
  depends_on = [
    aws_s3_bucket.this,
    aws_s3_bucket_lifecycle_configuration.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}

output "rights" {
  description = "What the processor archive may do, with this bucket only: rights of modules/processor."
  value = [
    { actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], resources = ["arn:aws:s3:::${local._bucket}/*"] },
    { actions = ["s3:ListBucket"], resources = ["arn:aws:s3:::${local._bucket}"] },
  ]
}
