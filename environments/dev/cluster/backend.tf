terraform {
  backend "s3" {
    bucket       = "headwater-dev-state"
    key          = "dev/cluster.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }
}
