# The latest version.
data "headwater_schema" "order_placed" {
  subject = "raw.checkout.order-placed-value"
}

# One version, whatever came after it.
data "headwater_schema" "order_placed_v1" {
  subject = "raw.checkout.order-placed-value"
  version = 1
}

output "schema_id" {
  value = data.headwater_schema.order_placed.schema_id
}
