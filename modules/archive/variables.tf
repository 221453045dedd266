variable "colder_after_days" {
  description = "After how many days files move to storage for infrequent access, and to Glacier Instant Retrieval, which headwater replay still reads at once."
  type = object({
    infrequent = optional(number, 30)
    glacier    = optional(number, 120)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.colder_after_days.infrequent >= 30 && var.colder_after_days.glacier >= var.colder_after_days.infrequent + 30
    error_message = "colder_after_days is ${jsonencode(var.colder_after_days)}. S3 moves files to infrequent access after 30 days at the earliest, and to Glacier 30 days after that."
  }
}

variable "deletion_protection" {
  description = "Whether the bucket refuses to be destroyed with what is in it. Apply false first, then destroy."
  type        = bool
  default     = true
  nullable    = false
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

variable "undelete_days" {
  description = "For how many days a file that was overwritten or deleted can be brought back."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.undelete_days >= 1 && floor(var.undelete_days) == var.undelete_days
    error_message = "undelete_days is ${var.undelete_days}. Set it to a whole number of days from 1."
  }
}
