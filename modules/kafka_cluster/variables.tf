variable "artifacts" {
  description = <<-EOT
    What the nodes run, by the sha256 of the archive that the bucket holds as
    <name>/<sha256>.tar: make artifacts builds both and prints the digests.
  EOT
  type = object({
    java_sha256  = string
    kafka_sha256 = string
  })
  nullable = false

  validation {
    condition     = alltrue([for digest in values(var.artifacts) : can(regex("^[0-9a-f]{64}$", digest))])
    error_message = "artifacts is ${jsonencode(var.artifacts)}. Write each digest as 64 hexadecimal digits, as make artifacts prints them."
  }
}

variable "deletion_protection" {
  description = <<-EOT
    Whether nodes and their volumes refuse to be destroyed. Apply false first,
    then remove the node or destroy.
  EOT
  type        = bool
  default     = true
  nullable    = false
}

variable "image_id" {
  description = "Machine image of the nodes: Amazon Linux 2023 for x86_64. It is used from a node's next start on."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.image_id))
    error_message = "image_id is \"${var.image_id}\". Write the id of one image, like ami-0c101f26f147fa7fd."
  }
}

variable "load" {
  description = <<-EOT
    What the volumes must hold: compressed bytes a day that producers write, in
    GB, and the mean retention. Every record is kept on three brokers, where there are as many.
  EOT
  type = object({
    gb_per_day     = number
    retention_days = number
  })
  nullable = false

  validation {
    condition     = var.load.gb_per_day > 0 && var.load.retention_days > 0
    error_message = "load is ${jsonencode(var.load)}. Both are greater than 0; headwater capacity computes them."
  }
}

variable "name" {
  description = "Prefix of every name in the account, like headwater-staging."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,24}[a-z0-9]$", var.name))
    error_message = "name is \"${var.name}\". Write 3 to 26 small letters, digits and hyphens, like headwater-staging."
  }
}

variable "network" {
  description = "Where the nodes live: the outputs of modules/network."
  type = object({
    domain          = string
    domain_zone_id  = string
    security_groups = map(string)
    subnets         = map(object({ id = string, availability_zone = string }))
  })
  nullable = false
}

variable "nodes" {
  description = <<-EOT
    The nodes, by node id: what each is and in which zone. An id is used once:
    it stands in the volume, the address and the metadata of the cluster.
  EOT
  type        = map(object({ role = string, zone_id = string }))
  nullable    = false

  validation {
    condition     = alltrue([for id, node in var.nodes : can(regex("^(0|[1-9][0-9]{0,3})$", id)) && contains(["broker", "controller"], node.role)])
    error_message = "nodes has ${join(", ", [for id, node in var.nodes : "${id} (${node.role})"])}. An id is a whole number from 0 to 9999 and a role is broker or controller."
  }

  validation {
    condition     = alltrue([for node in var.nodes : contains(keys(var.network.subnets), node.zone_id)])
    error_message = "nodes stand in ${join(", ", distinct([for node in var.nodes : node.zone_id]))}, but the network has the zones ${join(", ", keys(var.network.subnets))}."
  }

  validation {
    condition     = length(distinct([for zone in distinct([for node in var.nodes : node.zone_id]) : length([for node in var.nodes : node if node.zone_id == zone && node.role == "broker"])])) == 1
    error_message = "${length([for node in var.nodes : node if node.role == "broker"])} brokers do not divide evenly over ${length(distinct([for node in var.nodes : node.zone_id]))} zones: a zone with fewer brokers keeps more on each of them, so give every zone the same number."
  }

  validation {
    condition     = length([for node in var.nodes : node if node.role == "controller"]) % 2 == 1 && length(distinct([for node in var.nodes : node.zone_id if node.role == "controller"])) == length([for node in var.nodes : node if node.role == "controller"])
    error_message = "${length([for node in var.nodes : node if node.role == "controller"])} controllers stand in ${length(distinct([for node in var.nodes : node.zone_id if node.role == "controller"]))} zones. Set an odd number, each in a zone of its own, so that the loss of a zone leaves a majority."
  }
}

variable "password_version" {
  description = "Grows by one to put new passwords into the secret store; the platform then writes them to the brokers."
  type        = number
  default     = 1
  nullable    = false
}

variable "passwords" {
  description = "Password of admin and of each seed, by name, drawn anew by the caller each time. Only the first of a password_version is kept."
  type        = map(string)
  ephemeral   = true
  nullable    = false
}

variable "seeds" {
  description = <<-EOT
    Users that must exist before anything else can be declared on the cluster,
    by name: the prefixes of the topics and of the consumer groups that are its own. The user
    admin, who may do everything, is always there.
  EOT
  type        = map(object({ topic_prefix = string, group_prefix = string }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name, seed in var.seeds : name != "admin" && can(regex("^[a-z][a-z-]*$", name)) && can(regex("^[a-z0-9.-]+$", seed.topic_prefix)) && can(regex("^[a-z0-9.-]+$", seed.group_prefix))])
    error_message = "seeds is ${jsonencode(var.seeds)}. Names are small letters and hyphens, not admin; prefixes are small letters, digits, dots and hyphens."
  }
}

variable "sizes" {
  description = "What a node of each role is: instance type, volume in GB with its throughput in MB/s, and the memory of Kafka itself; the rest is page cache."
  type = object({
    broker     = object({ instance_type = string, volume_gb = number, volume_mbps = optional(number, 125), heap_mb = number })
    controller = object({ instance_type = string, volume_gb = number, volume_mbps = optional(number, 125), heap_mb = number })
  })
  nullable = false

  validation {
    condition     = 63 * var.sizes.broker.volume_gb * length([for node in var.nodes : node if node.role == "broker"]) >= 100 * min(3, length([for node in var.nodes : node if node.role == "broker"])) * var.load.gb_per_day * var.load.retention_days
    error_message = "${var.load.gb_per_day} GB a day kept for ${var.load.retention_days} days in ${min(3, length([for node in var.nodes : node if node.role == "broker"]))} copies need volumes of ${ceil(100 * min(3, length([for node in var.nodes : node if node.role == "broker"])) * var.load.gb_per_day * var.load.retention_days / 63 / max(1, length([for node in var.nodes : node if node.role == "broker"])))} GB, not ${var.sizes.broker.volume_gb}: no more than 63% may be full, so that two thirds of the brokers can hold what all do."
  }

  validation {
    condition     = alltrue([for size in values(var.sizes) : size.volume_gb >= 20 && size.volume_gb <= 16384 && size.volume_mbps >= 125 && size.volume_mbps <= 1000 && size.heap_mb >= 128])
    error_message = "sizes is ${jsonencode(var.sizes)}. A gp3 volume has 20 to 16384 GB and 125 to 1000 MB/s, and Kafka needs 128 MB of heap."
  }
}
