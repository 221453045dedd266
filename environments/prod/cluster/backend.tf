terraform {
  backend "s3" {
    bucket       = "headwater-prod-state"
    key          = "prod/cluster.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }
}
