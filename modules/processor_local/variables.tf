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
  description = "Number of tasks that run side by side."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.tasks >= 0 && floor(var.tasks) == var.tasks
    error_message = "tasks is ${var.tasks}. Set it to a whole number; 0 stops the processor."
  }
}
