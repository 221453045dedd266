place      = "staging"
account_id = "222222222222"
region     = "us-east-1"
log_days   = 30

tags = {
  owner       = "platform"
  cost_center = "customer-data"
}

# The certificate of the collector's name, from ACM in this account.
collector = {
  certificate_arn = "arn:aws:acm:us-east-1:222222222222:certificate/00000000-0000-4000-8000-000000000000"
}

senders = ["app", "shop", "web"]

# As in prod: partitions are chosen once, and what staging shows must be true of it.
sizes = {
  keyed    = { partitions = 120, replication_factor = 3, min_insync_replicas = 2 }
  small    = { partitions = 1, replication_factor = 3, min_insync_replicas = 2 }
  standard = { partitions = 24, replication_factor = 3, min_insync_replicas = 2, producer_byte_rate = 10485760 }
}

# headwater capacity --events-per-day 20M: 926 events/s at the peak need 0.47 tasks at
# 78%, so that the floor of two carries four times the peak. A load test goes as far as
# the partitions. As in prod, nothing runs on spare machines.
processors = {
  aggregate = {
    autoscale = { min_tasks = 2, max_tasks = 120 }
    size      = { cpu = 1024, memory_mb = 4096, disk_gb = 30 }
  }
  archive = {
    autoscale = { min_tasks = 2, max_tasks = 2 }
    size      = { cpu = 512, memory_mb = 2048 }
  }
  collect = {
    autoscale = { min_tasks = 2, max_tasks = 12 }
    size      = { cpu = 512, memory_mb = 1024 }
  }
  refine = {
    autoscale = { min_tasks = 2, max_tasks = 24 }
    size      = { cpu = 1024, memory_mb = 4096, disk_gb = 30 }
  }
  sessionize = {
    autoscale = { min_tasks = 2, max_tasks = 120 }
    size      = { cpu = 1024, memory_mb = 4096, disk_gb = 30 }
  }
}
