output "dead_letters_topic" {
  description = "Where records go that a stage could not use."
  value       = headwater_topic.dead_letters.name
}

output "platform" {
  description = "What events and processors share: catalogue, names, sizes."
  value       = local.platform
}

output "teams" {
  description = "Contact of each team, by its name, which is its principal."
  value       = { for name, team in local.teams : name => team.contact }
}
