# What visitors look at. Owned by the storefront team.
module "page_viewed" {
  source   = "../modules/event"
  platform = local.platform

  domain       = "browsing"
  name         = "page_viewed"
  description  = "A visitor opened a page."
  owner        = "storefront"
  schema       = file("${path.module}/browsing/page_viewed.avsc")
  retention    = "30d"
  pii          = ["ip"]
  producers    = ["collect"]
  consumers    = ["analytics", "personalization", "refine"]
  segment_call = "page"
}

module "product_viewed" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "browsing"
  name        = "product_viewed"
  description = "A customer looked at a product."
  owner       = "storefront"
  schema      = file("${path.module}/browsing/product_viewed.avsc")
  retention   = "30d"
  producers   = ["collect"]
  consumers   = ["analytics", "personalization", "refine"]
}

module "products_searched" {
  source   = "../modules/event"
  platform = local.platform

  domain      = "browsing"
  name        = "products_searched"
  description = "A customer searched the range of products."
  owner       = "storefront"
  schema      = file("${path.module}/browsing/products_searched.avsc")
  retention   = "14d"
  pii         = ["query"]
  producers   = ["collect"]
  consumers   = ["personalization", "refine"]
}

module "screen_viewed" {
  source   = "../modules/event"
  platform = local.platform

  domain       = "browsing"
  name         = "screen_viewed"
  description  = "A customer opened a screen of an app."
  owner        = "storefront"
  schema       = file("${path.module}/browsing/screen_viewed.avsc")
  retention    = "30d"
  producers    = ["collect"]
  consumers    = ["analytics", "refine"]
  segment_call = "screen"
}
