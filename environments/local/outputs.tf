output "brokers" {
  description = "Address of each broker, by its node id."
  value       = { for id, broker in headwater_broker.this : id => "${broker.host}:${broker.port}" }
}

output "collector_url" {
  description = "Where events are sent, once the collector is ready."
  value       = "http://127.0.0.1:${var.collector_port}"
  depends_on  = [module.processor]
}

output "processors" {
  description = "Tasks of each processor, by its name."
  value       = { for name, processor in module.processor : name => processor.tasks }
}

output "teams" {
  description = "Contact of each team, by its name."
  value       = module.catalogue.teams
}
