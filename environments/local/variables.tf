variable "autoscale" {
  description = <<-EOT
    Bounds of the processors whose number of tasks the load decides, by name.
    None by default: a sample needs one task of each, and a laptop has other
    things to do.
  EOT
  type = map(object({
    min_tasks          = number
    max_tasks          = number
    target_utilization = optional(number)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.autoscale), setsubtract(keys(local.processors), ["collect"]))) == 0
    error_message = "autoscale names ${join(", ", keys(var.autoscale))}. It is for ${join(", ", setsubtract(keys(local.processors), ["collect"]))}; collect serves on a port, so it has one task."
  }
}

variable "collector_port" {
  description = "Port that the collector takes events on."
  type        = number
  default     = 19080
  nullable    = false
}

variable "deletion_protection" {
  description = <<-EOT
    Whether topics and subjects refuse to be deleted. Apply false first, then
    destroy.
  EOT
  type        = bool
  default     = true
  nullable    = false
}

variable "password_version" {
  description = "Grows by one to turn the passwords of all principals."
  type        = number
  default     = 1
  nullable    = false
}

variable "passwords" {
  description = <<-EOT
    Password of each team and each processor, by name, out of the platform's
    secret store. Never kept in state.
  EOT
  type        = map(string)
  ephemeral   = true
}

variable "programs_dir" {
  description = "Absolute path of the folder that holds the built processors."
  type        = string

  validation {
    condition     = startswith(var.programs_dir, "/")
    error_message = "programs_dir is \"${var.programs_dir}\". Give the absolute path of build/bin."
  }
}

variable "tasks" {
  description = "Number of tasks by processor; one where none is named. collect serves on a port, so it has one."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.tasks), keys(local.processors))) == 0
    error_message = "tasks names ${join(", ", setsubtract(keys(var.tasks), keys(local.processors)))}, which is no processor. Known are ${join(", ", keys(local.processors))}."
  }
}
