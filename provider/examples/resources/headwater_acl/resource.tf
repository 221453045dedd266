resource "headwater_acl" "refine_reads_orders" {
  principal     = "User:refine"
  operations    = ["READ", "DESCRIBE"]
  resource_type = "TOPIC"
  resource_name = "raw.checkout.order-placed"
}

resource "headwater_acl" "refine_transactions" {
  principal     = "User:refine"
  operations    = ["WRITE", "DESCRIBE"]
  resource_type = "TRANSACTIONAL_ID"
  resource_name = "refine"
  pattern_type  = "PREFIXED"
}

# The cluster has one name, which need not be given.
resource "headwater_acl" "admins_alter" {
  principal     = "User:operator"
  operations    = ["ALTER", "DESCRIBE", "ALTER_CONFIGS", "DESCRIBE_CONFIGS"]
  resource_type = "CLUSTER"
}
