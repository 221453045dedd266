terraform {
  backend "s3" {
    bucket       = "headwater-prod-state"
    key          = "prod/platform.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }
}
