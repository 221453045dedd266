data "headwater_topic" "order_placed" {
  name = "raw.checkout.order-placed"
}

output "retention" {
  description = "How long orders are kept."
  value       = data.headwater_topic.order_placed.retention
}
