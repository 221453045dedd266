# At most 10 MiB a second into each broker from the gateway.
resource "headwater_quota" "collect" {
  entity             = { user = "collect" }
  producer_byte_rate = provider::headwater::bytes("10MiB")
}

# Whoever has no quota of their own.
resource "headwater_quota" "everyone" {
  entity             = { user = "<default>" }
  producer_byte_rate = provider::headwater::bytes("1MiB")
  consumer_byte_rate = provider::headwater::bytes("4MiB")
}

# One client of a user.
resource "headwater_quota" "backfill" {
  entity             = { user = "analytics", client_id = "backfill" }
  request_percentage = 50
}

# New connections from any address.
resource "headwater_quota" "connections" {
  entity                   = { ip = "<default>" }
  connection_creation_rate = 20
}
