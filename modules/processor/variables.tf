variable "autoscale" {
  description = <<-EOT
    Bounds within which the load decides the number of tasks; equal ones fix it.
    Tasks are added at once when events wait for lag_seconds. floors moves
    min_tasks by the clock: cron as EventBridge writes it, like 0 7 * * ? *.
  EOT
  type = object({
    min_tasks          = number
    max_tasks          = number
    target_utilization = optional(number, 0.78)
    lag_seconds        = optional(number, 60)
    floors = optional(map(object({
      cron      = string
      min_tasks = number
      timezone  = optional(string, "Etc/UTC")
    })), {})
  })
  nullable = false

  validation {
    condition = (
      floor(var.autoscale.min_tasks) == var.autoscale.min_tasks && floor(var.autoscale.max_tasks) == var.autoscale.max_tasks
      && var.autoscale.max_tasks >= var.autoscale.min_tasks
    )
    error_message = "autoscale goes from ${var.autoscale.min_tasks} to ${var.autoscale.max_tasks} tasks. Set both to whole numbers, max_tasks to one that is not smaller."
  }

  validation {
    condition     = var.autoscale.min_tasks >= 2 || local._sole
    error_message = "autoscale.min_tasks of ${var.name} is ${var.autoscale.min_tasks}. Set it to 2 or more: one task means that ${var.name} stands still while it is replaced, or its zone is away."
  }

  validation {
    condition     = var.autoscale.max_tasks == var.autoscale.min_tasks || var.state != null || var.listener != null
    error_message = "autoscale of ${var.name} goes from ${var.autoscale.min_tasks} to ${var.autoscale.max_tasks} tasks, but only a processor with state says how busy it is. Set both to one number."
  }

  validation {
    condition     = length(local._partitions) == 0 || var.autoscale.max_tasks <= max(0, local._partitions...)
    error_message = "autoscale.max_tasks of ${var.name} is ${var.autoscale.max_tasks}, and what it reads has ${max(0, local._partitions...)} partitions. Set it to at most that: a task more would have nothing to read."
  }

  validation {
    condition     = var.autoscale.target_utilization >= 0.05 && var.autoscale.target_utilization <= 1
    error_message = "autoscale.target_utilization is ${var.autoscale.target_utilization}. Set it to a share from 0.05 to 1."
  }

  validation {
    condition     = var.autoscale.lag_seconds >= 1
    error_message = "autoscale.lag_seconds is ${var.autoscale.lag_seconds}. Set it to the seconds after which waiting events ask for tasks, from 1."
  }

  validation {
    condition = alltrue([
      for moved in values(var.autoscale.floors) :
      floor(moved.min_tasks) == moved.min_tasks && moved.min_tasks >= 2 && moved.min_tasks <= var.autoscale.max_tasks
    ])
    error_message = "autoscale.floors has a floor that is no whole number from 2 to max_tasks (${var.autoscale.max_tasks}): ${jsonencode({ for name, moved in var.autoscale.floors : name => moved.min_tasks })}. Correct it."
  }

  validation {
    condition     = length(var.autoscale.floors) == 0 || var.autoscale.max_tasks > var.autoscale.min_tasks
    error_message = "autoscale.floors is set, but min_tasks and max_tasks are both ${var.autoscale.max_tasks}, so nothing can move. Raise max_tasks or leave floors out."
  }
}

variable "environment" {
  description = "Variables that the program reads, on top of those that every task gets."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "image" {
  description = "The program's image in this account's ECR, by digest, as make images prints it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com/[a-z0-9/_.-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image is \"${var.image}\". Write it by digest, like 123456789012.dkr.ecr.us-east-1.amazonaws.com/refine@sha256:<64 hexadecimal digits>: a tag may mean another image tomorrow, and other registries cannot be reached."
  }
}

variable "listener" {
  description = <<-EOT
    For the collector: the port that it takes events on behind a load balancer
    with a public address, the certificate of that address, and how many
    requests a minute one task should get.
  EOT
  type = object({
    port                = number
    certificate_arn     = string
    requests_per_minute = optional(number, 60000)
  })
  default = null

  validation {
    condition     = var.listener == null || can(regex("^arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$", var.listener.certificate_arn))
    error_message = "listener.certificate_arn is \"${try(var.listener.certificate_arn, "")}\". Name a certificate of ACM by its ARN: events come over TLS only."
  }

  validation {
    condition     = var.listener == null || try(var.listener.requests_per_minute >= 1, false)
    error_message = "listener.requests_per_minute is ${try(var.listener.requests_per_minute, 0)}. Set it to what one task can take, from 1."
  }
}

variable "name" {
  description = <<-EOT
    The processor, a verb: its program, consumer group, transactional-id
    prefix and principal are called the same.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+$", var.name))
    error_message = "name is \"${var.name}\". Write one verb of small letters, the name of the program's folder in processors/."
  }
}

variable "password" {
  description = "Password of the processor's principal, the one that its secret holds. Never kept in state."
  type        = string
  ephemeral   = true
  nullable    = false
}

variable "password_version" {
  description = "Grows by one to turn the password."
  type        = number
  nullable    = false
}

variable "platform" {
  description = <<-EOT
    Where it runs: names begin with name; the network as modules/network puts it
    out; streams is what there is to read, by event type, as schemas/ puts it
    out; secret_arns are secrets by key, each with its version
    (arn:...:secret:name-a1b2c3:::version), the processor's own password among
    them under its name; alarms go to the topic.
  EOT
  type = object({
    name                     = string
    alarm_topic_arn          = optional(string)
    deletion_protection      = optional(bool, true)
    ecs_cluster              = object({ arn = string, name = string })
    kafka                    = object({ bootstrap_servers = string, ca_certificate = string })
    log_days                 = optional(number, 30)
    permissions_boundary_arn = string
    registry_url             = string
    secret_arns              = map(string)
    streams                  = map(object({ partitions = number, consumers = set(string) }))
    network = object({
      vpc_id          = string
      public_subnets  = map(string)
      security_groups = map(string)
      subnets         = map(object({ id = string, availability_zone = string }))
    })
  })
  nullable = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,24}[a-z0-9]$", var.platform.name))
    error_message = "platform.name is \"${var.platform.name}\". Write 3 to 26 small letters, digits and hyphens, like headwater-staging."
  }

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 400], var.platform.log_days)
    error_message = "platform.log_days is ${var.platform.log_days}. CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 180, 365 or 400 days."
  }

  validation {
    condition     = contains(keys(var.platform.secret_arns), var.name)
    error_message = "platform.secret_arns has no secret \"${var.name}\", which ${var.name} logs in with: it has ${join(", ", keys(var.platform.secret_arns))}. Have one made for it."
  }
}

variable "reads" {
  description = "Event types that it reads in its consumer group, like processed.customer_events; raw.* are all events of that tier. None for a program that only writes."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.reads, keys(var.platform.streams))) == 0
    error_message = "${var.name} reads ${join(", ", setsubtract(var.reads, keys(var.platform.streams)))}, which is declared nowhere. Declare the event in schemas/, or correct reads; declared are ${join(", ", keys(var.platform.streams))}."
  }

  validation {
    condition     = alltrue([for type in var.reads : contains(try(var.platform.streams[type].consumers, [var.name]), var.name)])
    error_message = "${var.name} reads ${join(", ", [for type in var.reads : type if !contains(try(var.platform.streams[type].consumers, [var.name]), var.name)])}, which does not let it. Add \"${var.name}\" to consumers of that event in schemas/."
  }
}

variable "rights" {
  description = "What the program itself may call of AWS: actions and resources by name, with a condition where one helps. Nothing unless said."
  type = list(object({
    actions   = list(string)
    resources = list(string)
    condition = optional(map(map(string)))
  }))
  default  = []
  nullable = false

  validation {
    condition     = !anytrue(flatten([for right in var.rights : [for action in right.actions : strcontains(action, "*")]]))
    error_message = "rights of ${var.name} has an action with *: ${join(", ", flatten([for right in var.rights : right.actions]))}. Name each action."
  }
}

variable "secret_environment" {
  description = "Variables whose values are read from the secret store: variable to key."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(values(var.secret_environment), keys(var.platform.secret_arns))) == 0
    error_message = "${var.name} needs the secret ${join(", ", setsubtract(values(var.secret_environment), keys(var.platform.secret_arns)))}, which the platform lacks: it has ${join(", ", keys(var.platform.secret_arns))}. Have it made, or correct secret_environment."
  }
}

variable "size" {
  description = <<-EOT
    CPU units, memory and disk of each task, as Fargate sells them. spot runs
    what the load adds above the floor on spare machines, for a third of the
    price and with two minutes' notice.
  EOT
  type = object({
    cpu          = optional(number, 1024)
    memory_mb    = optional(number, 2048)
    disk_gb      = optional(number, 21)
    architecture = optional(string, "X86_64")
    spot         = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition = contains(lookup({
      "256"  = [512, 1024, 2048]
      "512"  = [1024, 2048, 3072, 4096]
      "1024" = [2048, 3072, 4096, 5120, 6144, 7168, 8192]
      "2048" = [4096, 5120, 6144, 7168, 8192, 16384]
      "4096" = [8192, 16384, 30720]
    }, tostring(var.size.cpu), []), var.size.memory_mb)
    error_message = "size has ${var.size.cpu} CPU units and ${var.size.memory_mb} MB. Fargate sells 256 with 512 to 2048 MB, 512 with 1024 to 4096, 1024 with 2048 to 8192, 2048 with 4096 to 16384, 4096 with 8192 to 30720."
  }

  validation {
    condition     = var.size.disk_gb >= 21 && var.size.disk_gb <= 200
    error_message = "size.disk_gb is ${var.size.disk_gb}. Fargate sells 21 to 200 GB."
  }

  validation {
    condition     = contains(["ARM64", "X86_64"], var.size.architecture)
    error_message = "size.architecture is \"${var.size.architecture}\". Images are built for X86_64 and ARM64."
  }
}

variable "state" {
  description = <<-EOT
    The topic that the processor's state can be rebuilt from, for a processor
    that works in transactions. It needs as many partitions as the largest of
    its inputs. retention, like 26h, drops what has not changed for that long.
  EOT
  type = object({
    partitions          = number
    replication_factor  = number
    min_insync_replicas = number
    retention           = optional(string)
    deletion_protection = optional(bool, true)
  })
  default = null

  validation {
    condition = (
      try(var.state.retention, null) == null
      || can(regex("^[1-9][0-9]*(ms|s|m|h|d)$", var.state.retention))
    )
    error_message = "state.retention is \"${try(coalesce(var.state.retention), "-")}\". Write a positive whole number and a unit (ms, s, m, h or d), like 26h, or leave it out."
  }

  validation {
    condition     = var.state == null || try(var.state.partitions == max(0, local._partitions...), false)
    error_message = "state.partitions of ${var.name} is ${try(var.state.partitions, 0)}, and the largest of what it reads has ${max(0, local._partitions...)}. Set it to that: partition by partition, state stands beside its input."
  }
}
