output "principal" {
  description = "The principal that topics grant rights to."
  value       = local._principal
}

output "state_topic" {
  description = "The topic that holds the processor's state, or null."
  value       = one([for topic in headwater_topic.state : topic.name])
}

output "tasks" {
  description = "Number of tasks that are running; the fewest of them while the load decides."
  value       = headwater_deployment.this.tasks
}
