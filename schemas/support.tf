# How customers are helped. Owned by the care team.
module "survey_answered" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "support"
  name        = "survey_answered"
  description = "A customer answered a survey."
  owner       = "care"
  schema      = file("${path.module}/support/survey_answered.avsc")
  retention   = "90d"
  pii         = ["comment"]
  producers   = ["collect"]
  consumers   = ["analytics", "loyalty", "refine"]
}

module "ticket_opened" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "support"
  name        = "ticket_opened"
  description = "A customer asked for help."
  owner       = "care"
  schema      = file("${path.module}/support/ticket_opened.avsc")
  retention   = "90d"
  pii         = ["subject"]
  producers   = ["care", "collect"]
  consumers   = ["loyalty", "refine"]
}

module "ticket_resolved" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "support"
  name        = "ticket_resolved"
  description = "A request for help was settled."
  owner       = "care"
  schema      = file("${path.module}/support/ticket_resolved.avsc")
  retention   = "90d"
  pii         = ["agent"]
  producers   = ["care", "collect"]
  consumers   = ["analytics", "refine"]
}
