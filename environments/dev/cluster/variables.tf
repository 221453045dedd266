variable "account_id" {
  description = "The AWS account of this place; any other is refused."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${var.account_id}\". Write the 12 digits of the account."
  }
}

variable "alarm_emails" {
  description = "Who is told of alarms; each has to confirm it once."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "ci" {
  description = "Who may start the runner: the account's OIDC provider of the CI and the subject of this place's jobs."
  type        = object({ provider_arn = string, subject = string })
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether nodes, volumes and artifacts refuse to be destroyed. Apply false first, then destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "images" {
  description = "Images by digest: registry and runner, which run here, and each program of processors/, which the runner hands to the platform root."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(setsubtract(["registry", "runner"], keys(var.images))) == 0
    error_message = "images lacks ${join(", ", setsubtract(["registry", "runner"], keys(var.images)))}. Push them with make images PUSH=... and name them by digest."
  }
}

variable "kafka" {
  description = "The brokers and controllers: see modules/kafka_cluster, whose variables these are."
  type = object({
    artifacts = object({ java_sha256 = string, kafka_sha256 = string })
    image_id  = string
    load      = object({ gb_per_day = number, retention_days = number })
    nodes     = map(object({ role = string, zone_id = string }))
    sizes = object({
      broker     = object({ instance_type = string, volume_gb = number, volume_mbps = optional(number), heap_mb = number })
      controller = object({ instance_type = string, volume_gb = number, volume_mbps = optional(number), heap_mb = number })
    })
  })
  nullable = false
}

variable "network" {
  description = "Addresses and zones: see modules/network."
  type = object({
    cidr           = string
    zone_ids       = list(string)
    endpoint_zones = optional(number)
    flow_log_days  = optional(number)
  })
  nullable = false
}

variable "password_version" {
  description = "Grows by one to draw new passwords of admin and registry."
  type        = number
  default     = 1
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

variable "region" {
  description = "AWS region of everything."
  type        = string
  nullable    = false
}

variable "registry" {
  description = "Tasks of the schema registry: see size of modules/schema_registry."
  type        = object({ tasks = optional(number), cpu = optional(number), memory_mb = optional(number) })
  default     = {}
  nullable    = false
}

variable "state_bucket" {
  description = "Bucket of Terraform's state, the one that backend.tf names: the runner keeps the platform's there."
  type        = string
  nullable    = false
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
