terraform {
  backend "s3" {
    bucket       = "headwater-staging-state"
    key          = "staging/platform.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }
}
