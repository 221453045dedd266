output "consumers" {
  description = "Teams and processors that may read it."
  value       = var.consumers
}

output "partitions" {
  description = "Partitions of its topic."
  value       = local._size.partitions
}

output "schema_id" {
  description = "The registry's id of the schema's current version."
  value       = headwater_schema_subject.this.schema_id
}

output "subject" {
  description = "The subject that holds the schema."
  value       = headwater_schema_subject.this.subject
}

output "topic" {
  description = "The topic, once the event is live."
  value       = headwater_topic.this.name
  depends_on  = [headwater_catalogue_entry.this]
}

output "type" {
  description = "The event's type, as senders write it."
  value       = local._type
  depends_on  = [headwater_catalogue_entry.this]
}
