# A type that several events share.
resource "headwater_schema_subject" "money" {
  subject             = "shared.money"
  compatibility_level = "FULL_TRANSITIVE"
  schema = jsonencode({
    type      = "record"
    name      = "Money"
    namespace = "shared"
    fields    = [{ name = "micros", type = "long" }]
  })
}

# An event that refers to it. Both may change in one plan: the version comes from
# the other resource.
resource "headwater_schema_subject" "order_placed" {
  subject             = "raw.checkout.order-placed-value"
  schema              = file("order_placed.avsc")
  compatibility_level = "FULL_TRANSITIVE"

  references = [{
    name    = "shared.Money"
    subject = headwater_schema_subject.money.subject
    version = headwater_schema_subject.money.version
  }]
}

# Protobuf and JSON schemas are checked by the registry. The embedded one cannot,
# and takes them at NONE only.
resource "headwater_schema_subject" "invoice" {
  subject             = "finance.invoice-value"
  schema_type         = "PROTOBUF"
  schema              = file("invoice.proto")
  compatibility_level = "NONE"
}
