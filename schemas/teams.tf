# Who may own, write and read events. A team's name is its principal; its
# groups and transactional ids begin with the name and a dot. A budget is what
# all of its clients together may move through one broker; github is whom
# .github/CODEOWNERS asks when the team's events change.
locals {
  teams = {
    analytics = {
      contact = "analytics@example.com"
      github  = "@example/analytics"
      budget  = { producer_byte_rate = 1048576, consumer_byte_rate = 52428800 }
    }
    care = {
      contact = "care@example.com"
      github  = "@example/care"
      budget  = { producer_byte_rate = 1048576, consumer_byte_rate = 10485760 }
    }
    checkout = {
      contact = "checkout@example.com"
      github  = "@example/checkout"
      budget  = { producer_byte_rate = 10485760, consumer_byte_rate = 10485760 }
    }
    finance = {
      contact = "finance@example.com"
      github  = "@example/finance"
      budget  = { producer_byte_rate = 1048576, consumer_byte_rate = 10485760 }
    }
    identity = {
      contact = "identity@example.com"
      github  = "@example/identity"
      budget  = { producer_byte_rate = 1048576, consumer_byte_rate = 10485760 }
    }
    loyalty = {
      contact = "loyalty@example.com"
      github  = "@example/loyalty"
      budget  = { producer_byte_rate = 1048576, consumer_byte_rate = 10485760 }
    }
    personalization = {
      contact = "personalization@example.com"
      github  = "@example/personalization"
      budget  = { producer_byte_rate = 1048576, consumer_byte_rate = 52428800 }
    }
    platform = {
      contact = "platform@example.com"
      github  = "@example/platform"
      budget  = { producer_byte_rate = 10485760, consumer_byte_rate = 52428800 }
    }
    storefront = {
      contact = "storefront@example.com"
      github  = "@example/storefront"
      budget  = { producer_byte_rate = 10485760, consumer_byte_rate = 10485760 }
    }
  }
}

resource "headwater_scram_credential" "team" {
  for_each = local.teams

  username            = each.key
  password_wo         = var.passwords[each.key]
  password_wo_version = var.password_version
}

resource "headwater_quota" "team" {
  for_each = local.teams

  entity             = { user = each.key }
  producer_byte_rate = each.value.budget.producer_byte_rate
  consumer_byte_rate = each.value.budget.consumer_byte_rate
}

resource "headwater_acl" "team_groups" {
  for_each = local.teams

  principal     = "User:${each.key}"
  operations    = ["DELETE", "DESCRIBE", "READ"]
  resource_type = "GROUP"
  resource_name = "${each.key}."
  pattern_type  = "PREFIXED"
}

resource "headwater_acl" "team_transactions" {
  for_each = local.teams

  principal     = "User:${each.key}"
  operations    = ["DESCRIBE", "WRITE"]
  resource_type = "TRANSACTIONAL_ID"
  resource_name = "${each.key}."
  pattern_type  = "PREFIXED"
}
