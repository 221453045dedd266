place      = "prod"
account_id = "333333333333"
region     = "us-east-1"
log_days   = 90

tags = {
  owner       = "platform"
  cost_center = "customer-data"
}

# The certificate of the collector's name, from ACM in this account.
collector = {
  certificate_arn = "arn:aws:acm:us-east-1:333333333333:certificate/00000000-0000-4000-8000-000000000000"
}

senders = ["app", "shop", "web"]

# headwater capacity --events-per-day 200M --growth 25: 120 partitions carry 25 times the
# load, a standard raw topic 5 times it even if one event were all of it. Chosen once.
sizes = {
  keyed    = { partitions = 120, replication_factor = 3, min_insync_replicas = 2 }
  small    = { partitions = 1, replication_factor = 3, min_insync_replicas = 2 }
  standard = { partitions = 24, replication_factor = 3, min_insync_replicas = 2, producer_byte_rate = 10485760 }
}

# headwater capacity --events-per-day 200M: 9,259 events/s at the peak need 4.75 tasks at
# 78%, six by the divisors of 120; 2,315 in the mean need 1.2, so that the floor of two
# is what runs at night. The ceilings are the partitions.
processors = {
  aggregate = {
    autoscale = { min_tasks = 2, max_tasks = 120 }
    size      = { cpu = 1024, memory_mb = 4096, disk_gb = 50 }
  }
  archive = {
    autoscale = { min_tasks = 2, max_tasks = 2 }
    size      = { cpu = 512, memory_mb = 2048 }
  }
  collect = {
    autoscale = { min_tasks = 2, max_tasks = 24 }
    size      = { cpu = 1024, memory_mb = 2048 }
  }
  refine = {
    autoscale = { min_tasks = 2, max_tasks = 24 }
    size      = { cpu = 1024, memory_mb = 4096, disk_gb = 50 }
  }
  sessionize = {
    autoscale = { min_tasks = 2, max_tasks = 120 }
    size      = { cpu = 1024, memory_mb = 4096, disk_gb = 50 }
  }
}
