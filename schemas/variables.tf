variable "deletion_protection" {
  description = <<-EOT
    Whether topics and subjects refuse to be deleted. Lifting it is an apply
    of its own; a retired event is lifted by itself.
  EOT
  type        = bool
  default     = true
}

variable "password_version" {
  description = "Grows by one to turn the passwords of all teams."
  type        = number
}

variable "passwords" {
  description = "Password of each team, by its name. Never kept in state."
  type        = map(string)
  ephemeral   = true

  validation {
    condition     = length(setsubtract(keys(local.teams), keys(var.passwords))) == 0
    error_message = "A team has no password. Have one made for each name in schemas/teams.tf: ${join(", ", keys(local.teams))}."
  }
}

variable "sizes" {
  description = <<-EOT
    What this environment makes of each size class. keyed topics are the ones
    that a customer must not move in; small ones hold a few records.
    producer_byte_rate, in bytes per second, limits a team that writes an
    event's topic itself.
  EOT
  type = map(object({
    partitions          = number
    replication_factor  = number
    min_insync_replicas = number
    producer_byte_rate  = optional(number)
  }))

  validation {
    condition = length(setsubtract(
      ["keyed", "small", "standard"], keys(var.sizes)
    )) == 0
    error_message = "sizes lacks ${join(", ", setsubtract(["keyed", "small", "standard"], keys(var.sizes)))}. The platform's own topics need keyed, small and standard."
  }
}
