variable "account_id" {
  description = "The AWS account of the place."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${var.account_id}\". Write the 12 digits of the account."
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

variable "place" {
  description = "Name of the environment, its folder in environments/."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,15}$", var.place))
    error_message = "place is \"${var.place}\". Write 2 to 15 small letters, the name of the folder in environments/."
  }
}

variable "programs" {
  description = "Programs whose images are pushed here, each to a repository of its name."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(setsubtract(["registry", "runner"], var.programs)) == 0
    error_message = "programs lacks ${join(", ", setsubtract(["registry", "runner"], var.programs))}. The cluster root needs registry and runner, the platform root each program of processors/."
  }
}

variable "repository" {
  description = "GitHub repository whose jobs may take the roles, like acme/headwater."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.repository))
    error_message = "repository is \"${var.repository}\". Write one owner and one name, like acme/headwater: a * would let in others."
  }
}
