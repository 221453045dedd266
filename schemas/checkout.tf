# What customers buy and pay. Owned by the checkout team.
module "order_placed" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "checkout"
  name        = "order_placed"
  description = "A customer placed an order."
  owner       = "checkout"
  schema      = file("${path.module}/checkout/order_placed.avsc")
  retention   = "90d"
  producers   = ["checkout", "collect"]
  consumers   = ["analytics", "finance", "refine"]
  revenue     = "total"
}

module "order_refunded" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "checkout"
  name        = "order_refunded"
  description = "An order was paid back, in whole or in part."
  owner       = "checkout"
  schema      = file("${path.module}/checkout/order_refunded.avsc")
  retention   = "90d"
  producers   = ["collect"]
  consumers   = ["finance", "refine"]
}

module "payment_declined" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "checkout"
  name        = "payment_declined"
  description = "A payment was refused."
  owner       = "checkout"
  schema      = file("${path.module}/checkout/payment_declined.avsc")
  retention   = "30d"
  producers   = ["collect"]
  consumers   = ["finance", "loyalty", "refine"]
}

module "product_added" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "checkout"
  name        = "product_added"
  description = "A customer put a product into the cart."
  owner       = "checkout"
  schema      = file("${path.module}/checkout/product_added.avsc")
  retention   = "30d"
  producers   = ["collect"]
  consumers   = ["personalization", "refine"]
}
