terraform {
  backend "s3" {
    bucket       = "headwater-dev-state"
    key          = "dev/platform.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }
}
