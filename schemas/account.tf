# Who customers are. Owned by the identity team.
module "customer_aliased" {
  source   = "../modules/event"
  platform = local.platform

  domain       = "account"
  name         = "customer_aliased"
  description  = "Two ids turned out to be one customer."
  owner        = "identity"
  schema       = file("${path.module}/account/customer_aliased.avsc")
  retention    = "90d"
  producers    = ["collect"]
  consumers    = ["refine"]
  segment_call = "alias"
}

module "customer_identified" {
  source   = "../modules/event"
  platform = local.platform

  domain       = "account"
  name         = "customer_identified"
  description  = "A sender learned who a visitor is, or more about a customer."
  owner        = "identity"
  schema       = file("${path.module}/account/customer_identified.avsc")
  retention    = "90d"
  pii          = ["email", "name", "phone", "username", "traits"]
  producers    = ["collect"]
  consumers    = ["loyalty", "refine"]
  segment_call = "identify"
}

module "customer_registered" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "account"
  name        = "customer_registered"
  description = "A person became a customer."
  owner       = "identity"
  schema      = file("${path.module}/account/customer_registered.avsc")
  retention   = "90d"
  pii         = ["email", "name"]
  producers   = ["collect", "identity"]
  consumers   = ["analytics", "loyalty", "refine"]
}

module "group_joined" {
  source   = "../modules/event"
  platform = local.platform

  domain       = "account"
  name         = "group_joined"
  description  = "A customer joined a company, a household or a team."
  owner        = "identity"
  schema       = file("${path.module}/account/group_joined.avsc")
  retention    = "90d"
  producers    = ["collect"]
  consumers    = ["analytics", "refine"]
  segment_call = "group"
}

module "subscription_changed" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "account"
  name        = "subscription_changed"
  description = "A subscription began, changed or ended."
  owner       = "identity"
  schema      = file("${path.module}/account/subscription_changed.avsc")
  retention   = "90d"
  producers   = ["collect", "identity"]
  consumers   = ["finance", "loyalty", "refine"]
}
