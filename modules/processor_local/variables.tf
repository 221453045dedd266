variable "autoscale" {
  description = <<-EOT
    Lets the load decide the number of tasks, within bounds and at a target
    utilization (0.78 by default). tasks does not count then.
  EOT
  type = object({
    min_tasks          = number
    max_tasks          = number
    target_utilization = optional(number, 0.78)
  })
  default = null

  validation {
    condition = try(
      var.autoscale.min_tasks >= 1 && var.autoscale.max_tasks >= var.autoscale.min_tasks
      && floor(var.autoscale.min_tasks) == var.autoscale.min_tasks
      && floor(var.autoscale.max_tasks) == var.autoscale.max_tasks,
      var.autoscale == null,
    )
    error_message = "autoscale goes from ${try(var.autoscale.min_tasks, 0)} to ${try(var.autoscale.max_tasks, 0)} tasks. Set min_tasks to a whole number from 1, max_tasks to one that is not smaller."
  }

  validation {
    condition = try(
      var.autoscale.target_utilization >= 0.05 && var.autoscale.target_utilization <= 1,
      var.autoscale == null,
    )
    error_message = "autoscale.target_utilization is ${try(var.autoscale.target_utilization, 0)}. Set it to a share from 0.05 to 1."
  }

  validation {
    condition     = var.autoscale == null || var.port == null
    error_message = "autoscale is set with port ${coalesce(var.port, 0)}. Only one task can serve on a port: leave one of them out."
  }
}

variable "environment" {
  description = "Variables that the program reads, on top of those that every task gets."
  type        = map(string)
  default     = {}
  nullable    = false
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
  description = "Password of the processor's principal. Never kept in state."
  type        = string
  ephemeral   = true
  nullable    = false
}

variable "password_version" {
  description = "Grows by one to turn the password."
  type        = number
  nullable    = false
}

variable "port" {
  description = "Port that the tasks serve events on, for a program that does."
  type        = number
  default     = null
}

variable "program" {
  description = "Path of the built program."
  type        = string
  nullable    = false
}

variable "revision" {
  description = <<-EOT
    Restarts the tasks when it changes: a hash of the program, so that a build
    that changed nothing restarts nothing.
  EOT
  type        = string
  default     = ""
  nullable    = false
}

variable "secret_environment" {
  description = "Variables whose values are read from the secret store: variable to key."
  type        = map(string)
  default     = {}
  nullable    = false
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
}

variable "tasks" {
  description = "Number of tasks that run side by side, where autoscale does not decide it."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.tasks >= 0 && floor(var.tasks) == var.tasks
    error_message = "tasks is ${var.tasks}. Set it to a whole number; 0 stops the processor."
  }
}
