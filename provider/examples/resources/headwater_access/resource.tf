# What a processor needs: it reads raw events, writes what it makes of them and
# its own state, in transactions.
resource "headwater_access" "refine" {
  principal         = "User:refine"
  role              = "processor"
  reads             = ["raw.*", "state.refine"]
  writes            = ["processed.customer-events", "state.refine"]
  groups            = ["refine"]
  transactional_ids = ["refine-*"]
}

# A team that reads one topic, in groups of its own.
resource "headwater_access" "analytics" {
  principal = "User:analytics"
  role      = "consumer"
  reads     = ["processed.customer-events"]
  groups    = ["analytics-*"]
}
