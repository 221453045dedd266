variable "account_id" {
  description = "The AWS account of this place; any other is refused."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${var.account_id}\". Write the 12 digits of the account."
  }
}

variable "alarm_topic_arn" {
  description = "SNS topic that alarms go to: an output of the cluster root."
  type        = string
  nullable    = false
}

variable "bootstrap_servers" {
  description = "Addresses of the brokers, host:port, comma separated: an output of the cluster root."
  type        = string
  nullable    = false
}

variable "ca_certificate" {
  description = "PEM certificate of the brokers' authority: an output of the cluster root."
  type        = string
  nullable    = false
}

variable "cluster_id" {
  description = "Kafka's id of the cluster; any other is refused. An output of the cluster root."
  type        = string
  nullable    = false
}

variable "collector" {
  description = "The public side of the collector: certificate of its name in ACM, and requests a minute that one task should get."
  type = object({
    certificate_arn     = string
    requests_per_minute = optional(number)
  })
  nullable = false
}

variable "deletion_protection" {
  description = "Whether topics, subjects, the archive, secrets and the load balancer refuse to be destroyed. Apply false first, then destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "duties" {
  description = "Duty of each broker that is not active, by node id: cordoned or drained. See docs/runbooks/remove-a-broker.md."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.duties), [for id, node in var.nodes : id if node.role == "broker"])) == 0
    error_message = "duties names ${join(", ", setsubtract(keys(var.duties), [for id, node in var.nodes : id if node.role == "broker"]))}, which is no broker. Brokers are ${join(", ", [for id, node in var.nodes : id if node.role == "broker"])}."
  }
}

variable "ecs_cluster" {
  description = "ECS cluster of the tasks: an output of the cluster root."
  type        = object({ arn = string, name = string })
  nullable    = false
}

variable "images" {
  description = "Image of each program, by its name and by digest, as make images pushed it."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(setsubtract(concat(keys(local.processors), ["capacity"]), keys(var.images))) == 0
    error_message = "images lacks ${join(", ", setsubtract(concat(keys(local.processors), ["capacity"]), keys(var.images)))}. Push them with make images PUSH=... and name them by digest."
  }
}

variable "log_days" {
  description = "For how many days processors' logs are kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "network" {
  description = "Outputs of modules/network: an output of the cluster root."
  type = object({
    vpc_id          = string
    public_subnets  = map(string)
    security_groups = map(string)
    subnets         = map(object({ id = string, availability_zone = string }))
  })
  nullable = false
}

variable "nodes" {
  description = "Kafka's nodes by id: an output of the cluster root."
  type        = map(object({ role = string, zone_id = string }))
  nullable    = false
}

variable "password_version" {
  description = "Grows by one to turn the passwords of all teams and processors."
  type        = number
  default     = 1
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Bounds of every role that is made here: an output of the cluster root."
  type        = string
  nullable    = false
}

variable "place" {
  description = "Name of this environment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,15}$", var.place))
    error_message = "place is \"${var.place}\". Write 2 to 15 small letters, the name of the folder in environments/."
  }
}

variable "processors" {
  description = "Bounds and size of each processor's tasks, by its name: autoscale and size of modules/processor."
  type = map(object({
    autoscale = object({
      min_tasks          = number
      max_tasks          = number
      target_utilization = optional(number)
      lag_seconds        = optional(number)
      floors             = optional(map(object({ cron = string, min_tasks = number, timezone = optional(string) })))
    })
    size = optional(object({
      cpu          = optional(number)
      memory_mb    = optional(number)
      disk_gb      = optional(number)
      architecture = optional(string)
      spot         = optional(bool)
    }))
  }))
  nullable = false

  validation {
    condition     = length(setsubtract(keys(local.processors), keys(var.processors))) == 0
    error_message = "processors lacks ${join(", ", setsubtract(keys(local.processors), keys(var.processors)))}. Say in terraform.tfvars how many tasks of it may run."
  }
}

variable "region" {
  description = "AWS region of everything."
  type        = string
  nullable    = false
}

variable "registry_url" {
  description = "Root of the registry's Confluent API: an output of the cluster root."
  type        = string
  nullable    = false
}

variable "senders" {
  description = "Who may send to the collector: each gets a key, in the secret senders/<name>."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.senders) > 0 && alltrue([for name in var.senders : can(regex("^[a-z][a-z0-9-]*$", name))])
    error_message = "senders is ${jsonencode(var.senders)}. Name at least one, in small letters, digits and hyphens: without any nobody could send."
  }
}

variable "sizes" {
  description = "What this place makes of each size class of topics: see schemas/."
  type = map(object({
    partitions          = number
    replication_factor  = number
    min_insync_replicas = number
    producer_byte_rate  = optional(number)
  }))
  nullable = false
}

variable "tags" {
  description = "Who answers for this place and who pays, on everything in it."
  type        = object({ owner = string, cost_center = string })
  nullable    = false

  validation {
    condition     = var.tags.owner != "" && var.tags.cost_center != ""
    error_message = "tags is ${jsonencode(var.tags)}. Name an owner and a cost center: nothing goes without."
  }
}
