resource "headwater_topic" "order_placed" {
  name               = "raw.checkout.order-placed"
  partitions         = 24
  replication_factor = 3
  retention          = "30d"

  config = {
    "min.insync.replicas" = "2"
    "compression.type"    = "zstd"
  }
}

# The latest state of each session: compacted, kept for ever.
resource "headwater_topic" "sessions" {
  name               = "aggregates.sessions"
  partitions         = 120
  replication_factor = 3

  config = {
    "cleanup.policy"      = "compact"
    "min.insync.replicas" = "2"
  }
}
