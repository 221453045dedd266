variable "cidr" {
  description = "Addresses of the network, a /16: one /20 a zone for what is private, one /24 a zone for the load balancer."
  type        = string
  nullable    = false

  validation {
    condition     = try(cidrnetmask(var.cidr) == "255.255.0.0" && cidrhost(var.cidr, 0) == split("/", var.cidr)[0], false)
    error_message = "cidr is \"${var.cidr}\". Write a private /16 by its first address, like 10.40.0.0/16."
  }
}

variable "domain" {
  description = <<-EOT
    Name under which the private addresses are found: node names stand in it,
    names of tasks in services.<domain>.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+internal$", var.domain))
    error_message = "domain is \"${var.domain}\". Write a name that ends in .internal, like staging.headwater.internal: such names never reach the internet."
  }
}

variable "endpoint_zones" {
  description = <<-EOT
    In how many zones each AWS service has an endpoint. All where it is null;
    one costs a third, and a zone's loss takes the endpoints along.
  EOT
  type        = number
  default     = null

  validation {
    condition     = try(contains(range(1, length(var.zone_ids) + 1), var.endpoint_zones), var.endpoint_zones == null)
    error_message = "endpoint_zones is ${coalesce(var.endpoint_zones, 0)}. Set it to a whole number from 1 to the number of zones, ${length(var.zone_ids)}."
  }
}

variable "flow_log_days" {
  description = "For how many days it is kept who connected to whom."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 400], var.flow_log_days)
    error_message = "flow_log_days is ${var.flow_log_days}. CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 180, 365 or 400 days."
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

variable "zone_ids" {
  description = <<-EOT
    The zones, by id: a zone's name means another building in each account.
    Their order decides addresses: append, never insert.
  EOT
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.zone_ids) == 3 && length(distinct(var.zone_ids)) == 3
    error_message = "zone_ids is [${join(", ", var.zone_ids)}]. Name three different zones: with two, the loss of one takes the majority of a quorum along half of the time."
  }

  validation {
    condition     = alltrue([for id in var.zone_ids : can(regex("^[a-z]+[0-9]+-az[0-9]+$", id))])
    error_message = "zone_ids is [${join(", ", var.zone_ids)}]. Write ids like use1-az1, not names like us-east-1a: aws ec2 describe-availability-zones shows both."
  }
}
