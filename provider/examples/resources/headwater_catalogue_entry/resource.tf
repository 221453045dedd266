resource "headwater_catalogue_entry" "order_placed" {
  type        = "checkout.order_placed"
  tier        = "raw"
  domain      = "checkout"
  name        = "order_placed"
  description = "A customer placed an order."
  owner       = "checkout"

  topic          = headwater_topic.order_placed.name
  subject        = headwater_schema_subject.order_placed.subject
  schema         = file("order_placed.avsc")
  schema_id      = headwater_schema_subject.order_placed.schema_id
  schema_version = headwater_schema_subject.order_placed.version
  compatibility  = "FULL_TRANSITIVE"
  retention_ms   = provider::headwater::duration_ms("30d")

  pii           = ["email"]
  producers     = ["collect"]
  consumers     = ["refine", "analytics"]
  revenue_field = "total_micros"

  # The event is live once its entry is written, so its rights come first.
  depends_on = [headwater_acl.order_placed]
}
