place      = "dev"
account_id = "111111111111"
region     = "us-east-1"
log_days   = 7

tags = {
  owner       = "platform"
  cost_center = "customer-data"
}

# The certificate of the collector's name, from ACM in this account.
collector = {
  certificate_arn = "arn:aws:acm:us-east-1:111111111111:certificate/00000000-0000-4000-8000-000000000000"
}

senders = ["app", "shop", "web"]

# Partitions are chosen once. Nobody needs dev's order of customers for long.
sizes = {
  keyed    = { partitions = 12, replication_factor = 3, min_insync_replicas = 2 }
  small    = { partitions = 1, replication_factor = 3, min_insync_replicas = 2 }
  standard = { partitions = 6, replication_factor = 3, min_insync_replicas = 2, producer_byte_rate = 10485760 }
}

# headwater capacity --events-per-day 4M: 185 events/s at the peak need 0.09 tasks at
# 78%. The floor of two is for the zone that goes; partitions carry 130 times the load.
processors = {
  aggregate = {
    autoscale = { min_tasks = 2, max_tasks = 12 }
    size      = { cpu = 512, memory_mb = 2048, spot = true }
  }
  archive = {
    autoscale = { min_tasks = 2, max_tasks = 2 }
    size      = { cpu = 512, memory_mb = 2048 }
  }
  collect = {
    autoscale = { min_tasks = 2, max_tasks = 4 }
    size      = { cpu = 256, memory_mb = 512, spot = true }
  }
  refine = {
    autoscale = { min_tasks = 2, max_tasks = 6 }
    size      = { cpu = 512, memory_mb = 2048, spot = true }
  }
  sessionize = {
    autoscale = { min_tasks = 2, max_tasks = 12 }
    size      = { cpu = 512, memory_mb = 2048, spot = true }
  }
}
