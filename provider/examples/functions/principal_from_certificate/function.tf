resource "headwater_acl" "reads_clicks" {
  principal = provider::headwater::principal_from_certificate(
    file("${path.module}/refine.pem"), "RULE:^CN=(.*?),.*$/$1/L, DEFAULT"
  )
  operations    = ["DESCRIBE", "READ"]
  resource_type = "TOPIC"
  resource_name = "raw.web.clicked"
}
