resource "headwater_broker" "four" {
  node_id              = 4
  rack                 = "b" # asserted: a broker in another rack is an error
  registration_timeout = "10m"

  config = {
    "num.replica.fetchers" = "4"
    "log.cleaner.threads"  = "2"
  }
}
