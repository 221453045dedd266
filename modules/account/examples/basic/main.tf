module "account" {
  source = "../.."

  account_id = "123456789012"
  name       = "headwater-staging"
  place      = "staging"
  programs   = ["aggregate", "archive", "capacity", "collect", "refine", "registry", "runner", "sessionize"]
  repository = "acme/headwater"
}
