locals {
  versions = [
    file("${path.module}/order_placed.v1.avsc"),
    file("${path.module}/order_placed.v2.avsc"),
  ]
}

resource "headwater_schema_subject" "order_placed" {
  subject = "raw.checkout.order-placed-value"
  schema  = file("${path.module}/order_placed.avsc")

  lifecycle {
    precondition {
      condition = length(provider::headwater::schema_violations(
        "AVRO", file("${path.module}/order_placed.avsc"), local.versions, "FULL_TRANSITIVE"
      )) == 0
      error_message = "Readers of earlier orders could not read this one."
    }
  }
}
