variable "ecs_cluster_arn" {
  description = "ECS cluster that the tasks run in."
  type        = string
  nullable    = false
}

variable "image" {
  description = "Image of Apicurio 3 in this account's ECR, by digest."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com/[a-z0-9/_.-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image is \"${var.image}\". Write it by digest, like 123456789012.dkr.ecr.us-east-1.amazonaws.com/apicurio@sha256:<64 hexadecimal digits>: a tag may mean another image tomorrow, and other registries cannot be reached."
  }
}

variable "kafka" {
  description = <<-EOT
    Where the schemas are kept: topics of a prefix that the user owns, whose
    password is in the secret. The certificate is the brokers' authority.
  EOT
  type = object({
    bootstrap_servers = string
    ca_certificate    = string
    secret_arn        = string
    username          = string
    topic_prefix      = string
    group_prefix      = string
  })
  nullable = false
}

variable "log_days" {
  description = "For how many days logs are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 400], var.log_days)
    error_message = "log_days is ${var.log_days}. CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 180, 365 or 400 days."
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
  description = "Where the tasks live: the outputs of modules/network."
  type = object({
    namespace_id    = string
    namespace_name  = string
    security_groups = map(string)
    subnets         = map(object({ id = string, availability_zone = string }))
  })
  nullable = false
}

variable "size" {
  description = "Number of tasks, and the CPU units and memory of each, as Fargate sells them."
  type = object({
    tasks     = optional(number, 2)
    cpu       = optional(number, 512)
    memory_mb = optional(number, 1024)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.size.tasks >= 1 && floor(var.size.tasks) == var.size.tasks
    error_message = "size.tasks is ${var.size.tasks}. Set it to a whole number from 1; one task means no registry while it restarts."
  }

  validation {
    condition = contains(lookup({
      "256"  = [512, 1024, 2048]
      "512"  = [1024, 2048, 3072, 4096]
      "1024" = [2048, 3072, 4096, 5120, 6144, 7168, 8192]
      "2048" = [4096, 5120, 6144, 7168, 8192, 16384]
    }, tostring(var.size.cpu), []), var.size.memory_mb)
    error_message = "size has ${var.size.cpu} CPU units and ${var.size.memory_mb} MB. Fargate sells 256 with 512 to 2048 MB, 512 with 1024 to 4096, 1024 with 2048 to 8192, 2048 with 4096 to 16384."
  }
}
