resource "headwater_broker" "seven" {
  node_id              = 7
  rack                 = "b" # asserted: a broker in another rack is an error
  log_dirs             = ["/var/lib/kafka/data"]
  registration_timeout = "10m"
  rebalance            = true # gets its share of replicas when it is added

  config = {
    "num.replica.fetchers" = "4"
    "log.cleaner.threads"  = "2"
  }
}

# On its way out: this apply empties it. Then stop its machine, then remove this entry.
resource "headwater_broker" "six" {
  node_id = 6
  state   = "drained"
}
