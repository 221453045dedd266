resource "headwater_broker" "seven" {
  node_id              = 7
  rack                 = "b" # asserted: a broker in another rack is an error
  registration_timeout = "10m"

  config = {
    "num.replica.fetchers" = "4"
    "log.cleaner.threads"  = "2"
  }
}
