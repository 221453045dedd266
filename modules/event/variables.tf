variable "compatibility" {
  description = <<-EOT
    What the registry asks of the next version of the schema. Records live
    longer than any version, so all versions are compared by default.
  EOT
  type        = string
  default     = "FULL_TRANSITIVE"
  nullable    = false

  validation {
    condition = contains([
      "NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD",
      "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE",
    ], var.compatibility)
    error_message = "compatibility is ${var.compatibility}. Set it to one of NONE, BACKWARD, BACKWARD_TRANSITIVE, FORWARD, FORWARD_TRANSITIVE, FULL and FULL_TRANSITIVE, or leave it out."
  }
}

variable "consumers" {
  description = <<-EOT
    Teams and processors that may read the topic. A raw event names refine,
    which carries it on to everything processed.
  EOT
  type        = set(string)
  default     = ["refine"]
  nullable    = false

  validation {
    condition     = length(setsubtract(var.consumers, local._principals)) == 0
    error_message = "consumers names ${join(", ", setsubtract(var.consumers, local._principals))}, which is neither a team nor a processor. Add the team to schemas/teams.tf, or correct the name; known are ${join(", ", local._principals)}."
  }

  validation {
    condition     = local._tier != "raw" || contains(var.consumers, "refine")
    error_message = "consumers lacks refine, so the event would never reach processed.customer-events. Add \"refine\" to consumers."
  }
}

variable "description" {
  description = "The fact, in one sentence that ends with a full stop."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^\\S.*\\.$", var.description))
    error_message = "description is \"${var.description}\". Say in one sentence, with a full stop, what happened."
  }
}

variable "domain" {
  description = <<-EOT
    The part of the company that the event belongs to: the folder of its
    schema and the first half of its type. processed, aggregates and
    repartition are the platform's own tiers.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*$", var.domain))
    error_message = "domain is \"${var.domain}\". Write one word of small letters and digits, the name of the schema's folder."
  }
}

variable "name" {
  description = "The fact in the past tense, like order_placed."
  type        = string
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z][a-z0-9]*(_[a-z0-9]+)*$", var.name))
      && (local._tier != "raw" || strcontains(var.name, "_"))
    )
    error_message = "name is \"${var.name}\". Write a fact in the past tense as two or more words of small letters joined by _, like order_placed."
  }
}

variable "owner" {
  description = "The team that answers for the event."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.owner != ""
    error_message = "${var.domain}.${var.name} has no owner. Set owner to the team that answers for it: one of ${join(", ", var.platform.teams)}."
  }

  validation {
    condition     = var.owner == "" || contains(var.platform.teams, var.owner)
    error_message = "owner is \"${var.owner}\", which is no team. Add it to schemas/teams.tf, or set owner to one of ${join(", ", var.platform.teams)}."
  }
}

variable "pii" {
  description = "Fields of the schema that identify a person."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.pii, keys(local._fields))) == 0
    error_message = "pii names ${join(", ", setsubtract(var.pii, keys(local._fields)))}, which the schema lacks. Remove it from pii or add the field; the schema has ${join(", ", keys(local._fields))}."
  }
}

variable "platform" {
  description = <<-EOT
    What all events share: the catalogue's topic, whether topics are protected
    from deletion, the names of processors and teams, and what the environment
    makes of each size class. producer_byte_rate, in bytes per second, limits
    a team that writes the topic itself.
  EOT
  type = object({
    catalogue_topic     = string
    deletion_protection = optional(bool, true)
    processors          = set(string)
    sizes = map(object({
      partitions          = number
      replication_factor  = number
      min_insync_replicas = number
      producer_byte_rate  = optional(number)
    }))
    teams = set(string)
  })
  nullable = false
}

variable "producers" {
  description = "Teams and processors that may write the topic."
  type        = set(string)
  default     = ["collect"]
  nullable    = false

  validation {
    condition     = length(setsubtract(var.producers, local._principals)) == 0
    error_message = "producers names ${join(", ", setsubtract(var.producers, local._principals))}, which is neither a team nor a processor. Add the team to schemas/teams.tf, or correct the name; known are ${join(", ", local._principals)}."
  }

  validation {
    condition     = length(var.producers) > 0
    error_message = "producers is empty, so nobody could write the event. Leave it out to let collect write it."
  }
}

variable "retention" {
  description = <<-EOT
    How long a record is kept, like 30d or 36h; "latest" keeps the latest
    record of each key for ever.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([1-9][0-9]*(ms|s|m|h|d)|latest)$", var.retention))
    error_message = "retention is \"${var.retention}\". Write a positive whole number and a unit (ms, s, m, h or d), like 30d, or latest to keep the latest record of each key."
  }
}

variable "retired" {
  description = <<-EOT
    Whether the event is on its way out: no new ones are taken and its topic
    may be deleted. Apply this before the call is removed.
  EOT
  type        = bool
  default     = false
  nullable    = false
}

variable "revenue" {
  description = "The field whose value counts as revenue, when one does."
  type        = string
  default     = null

  validation {
    condition     = var.revenue == null || contains(keys(local._fields), coalesce(var.revenue, "-"))
    error_message = "revenue is ${coalesce(var.revenue, "-")}, which the schema lacks. Name one of its fields: ${join(", ", keys(local._fields))}."
  }

  validation {
    condition = var.revenue == null || !contains(keys(local._fields), coalesce(var.revenue, "-")) || try(length(setsubtract(
      flatten([local._fields[var.revenue]]), ["null", "int", "long", "float", "double"],
    )) == 0, false)
    error_message = "revenue is ${coalesce(var.revenue, "-")}, whose type is no number. Name a field of type int, long, float or double."
  }
}

variable "schema" {
  description = "Text of the Avro schema, as file(\"$${path.module}/<domain>/<name>.avsc\")."
  type        = string
  nullable    = false

  validation {
    condition     = can(jsondecode(var.schema).fields[*].name)
    error_message = "schema is no Avro record. Give file(\"$${path.module}/${var.domain}/${var.name}.avsc\"), a JSON object with name, namespace and fields."
  }

  validation {
    condition     = try(jsondecode(var.schema).namespace == var.domain, true)
    error_message = "schema has the namespace ${try(jsondecode(var.schema).namespace, "-")}. Set it to the domain, ${var.domain}."
  }

  validation {
    condition = local._tier != "raw" || try(
      jsondecode(var.schema).name == local._record, true,
    )
    error_message = "schema has the name ${try(jsondecode(var.schema).name, "-")}. The record of ${var.name} is called ${local._record}."
  }
}

variable "segment_call" {
  description = "The call of the Segment API that this event takes, when it takes one."
  type        = string
  default     = null

  validation {
    condition     = var.segment_call == null || contains(["alias", "group", "identify", "page", "screen"], coalesce(var.segment_call, "-"))
    error_message = "segment_call is ${coalesce(var.segment_call, "-")}. Set it to alias, group, identify, page or screen, or leave it out; track calls name the event themselves."
  }
}

variable "size" {
  description = "Size class of the topic; the environment says what it means."
  type        = string
  default     = "standard"
  nullable    = false

  validation {
    condition     = contains(keys(var.platform.sizes), var.size)
    error_message = "size is \"${var.size}\", which the environment does not know. Use one of ${join(", ", keys(var.platform.sizes))}."
  }

  # refine keeps what it has seen by partition number, in a state topic of the
  # size class standard: it refuses to start on an input that has more.
  validation {
    condition = local._tier != "raw" || try(
      var.platform.sizes[var.size].partitions <= var.platform.sizes["standard"].partitions, true
    )
    error_message = "size is \"${var.size}\", which has more partitions than standard. A raw event has at most those of standard: refine's state is partitioned like it. Use standard or a smaller class."
  }
}
