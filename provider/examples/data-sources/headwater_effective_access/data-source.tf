# Who may read the payments, and by which ACL? A check fails the plan of the
# pull request that would let others in.
data "headwater_effective_access" "analytics" {
  principal     = "User:analytics"
  resource_type = "TOPIC"
  resource_name = "raw.checkout.payment-captured"
  operations    = ["READ"]
}

check "payments_are_private" {
  assert {
    condition     = data.headwater_effective_access.analytics.decisions["READ"].permission == "DENY"
    error_message = "analytics may read payments: ${data.headwater_effective_access.analytics.decisions["READ"].reason}."
  }
}
