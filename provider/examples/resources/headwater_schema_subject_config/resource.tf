# The platform's rule for a subject whose schemas a team registers by itself.
resource "headwater_schema_subject_config" "order_placed" {
  subject             = "raw.checkout.order-placed-value"
  compatibility_level = "FULL_TRANSITIVE"
}
