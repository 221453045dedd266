# What the provider would have made of names: only their form matters.
mock_resource "aws_ecr_repository" {
  defaults = { repository_url = "123456789012.dkr.ecr.us-east-1.amazonaws.com/program" }
}

mock_resource "aws_iam_openid_connect_provider" {
  defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/ci-headwater-test" }
}

mock_resource "aws_s3_bucket" {
  defaults = { arn = "arn:aws:s3:::headwater-test-state" }
}
