module "gift_sent" {
  source = "../.." # "../modules/event" in schemas/<domain>.tf
  platform = {     # local.platform there
    catalogue_topic     = "headwater.catalogue"
    deletion_protection = true
    processors          = ["collect", "refine"]
    teams               = ["analytics", "checkout"]
    sizes = {
      standard = {
        partitions          = 6
        replication_factor  = 3
        min_insync_replicas = 2
        producer_byte_rate  = 1048576
      }
    }
  }

  domain        = "checkout"
  name          = "gift_sent"
  description   = "A customer sent a gift card."
  owner         = "checkout"
  schema        = file("${path.module}/checkout/gift_sent.avsc")
  size          = "standard"
  retention     = "30d"
  compatibility = "FULL_TRANSITIVE"
  pii           = ["recipient"]
  producers     = ["checkout", "collect"]
  consumers     = ["analytics", "refine"]
  revenue       = "amount"
  segment_call  = null
  retired       = false
}
