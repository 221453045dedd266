variable "ci" {
  description = <<-EOT
    Who may start the runner: the account's OIDC provider of the CI and the
    subject that a job of this environment has there.
  EOT
  type        = object({ provider_arn = string, subject = string })
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws:iam::[0-9]{12}:oidc-provider/[^/]+", var.ci.provider_arn)) && !strcontains(var.ci.subject, "*") && var.ci.subject != ""
    error_message = "ci is ${jsonencode(var.ci)}. Name an OIDC provider by ARN and one exact subject, like repo:acme/headwater:environment:staging: a * would let in others."
  }
}

variable "ecs_cluster_arn" {
  description = "ECS cluster that the task runs in."
  type        = string
  nullable    = false
}

variable "image" {
  description = "Image with Terraform, the providers and this repository, in this account's ECR, by digest."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com/[a-z0-9/_.-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image is \"${var.image}\". Write it by digest, like 123456789012.dkr.ecr.us-east-1.amazonaws.com/runner@sha256:<64 hexadecimal digits>: a tag may mean another image tomorrow, and other registries cannot be reached."
  }
}

variable "inputs" {
  description = "What the platform root takes from the cluster, by name of its variable. Nothing in it is secret."
  type        = map(string)
  nullable    = false
}

variable "log_days" {
  description = "For how many days it is kept what was applied."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 400], var.log_days)
    error_message = "log_days is ${var.log_days}. CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 180, 365 or 400 days."
  }
}

variable "name" {
  description = "Prefix of every name in the account, like headwater-staging. The runner may change nothing that is called otherwise."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,24}[a-z0-9]$", var.name))
    error_message = "name is \"${var.name}\". Write 3 to 26 small letters, digits and hyphens, like headwater-staging."
  }
}

variable "network" {
  description = "Where the task runs: the outputs of modules/network."
  type = object({
    security_groups = map(string)
    subnets         = map(object({ id = string, availability_zone = string }))
  })
  nullable = false
}

variable "secret_environment" {
  description = "Variables of the task whose values are read from the secret store: variable to the secret's ARN."
  type        = map(string)
  nullable    = false
}

variable "state" {
  description = "Where the platform root keeps its state: bucket and key. The lock file stands beside it."
  type        = object({ bucket = string, key = string })
  nullable    = false
}
