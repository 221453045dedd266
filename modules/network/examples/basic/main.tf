module "network" {
  source = "../.." # "../../../modules/network" in environments/<place>/cluster

  name           = "headwater-staging"
  cidr           = "10.40.0.0/16"
  domain         = "staging.headwater.internal"
  zone_ids       = ["use1-az1", "use1-az2", "use1-az4"]
  endpoint_zones = 2
  flow_log_days  = 90
}
