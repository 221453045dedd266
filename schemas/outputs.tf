output "dead_letters_topic" {
  description = "Where records go that a stage could not use."
  value       = headwater_topic.dead_letters.name
}

output "platform" {
  description = "What events and processors share: catalogue, names, sizes."
  value       = local.platform
}

output "reads" {
  description = "Event types that each processor reads, by its name; raw.* are all raw ones."
  value = {
    for processor in local.processors : processor => toset([
      for type, stream in local._streams : type if contains(stream.consumers, processor)
    ])
  }
}

output "streams" {
  description = "What processors read, by event type: partitions and who may read it."
  value       = local._streams
}

output "teams" {
  description = "Contact of each team, by its name, which is its principal."
  value       = { for name, team in local.teams : name => team.contact }
}
