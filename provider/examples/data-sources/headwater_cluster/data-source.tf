data "headwater_cluster" "this" {}

output "racks" {
  description = "Racks that brokers stand in."
  value       = distinct(data.headwater_cluster.this.brokers[*].rack)
}
