# The id that `kafka-storage format --cluster-id` takes.
resource "headwater_uuid" "cluster" {}

# One for the metadata directory of each controller, for --initial-controllers.
resource "headwater_uuid" "directory" {
  for_each = toset(["100", "101", "102"])

  keepers = {
    node_id = each.key
  }
}

output "initial_controllers" {
  description = "The first controllers, as kafka-storage takes them."
  value = join(",", [
    for id, directory in headwater_uuid.directory : "${id}@controller-${id}.internal:9093:${directory.id}"
  ])
}
