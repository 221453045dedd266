# What the provider would have made of names: only their form matters.
mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_resource "aws_s3_bucket" {
  defaults = {
    arn = "arn:aws:s3:::headwater-test-archive-123456789012"
    id  = "headwater-test-archive-123456789012"
  }
}
