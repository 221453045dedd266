resource "headwater_deployment" "refine" {
  name     = "refine"
  program  = abspath("build/bin/refine")
  tasks    = 2
  revision = filesha256("build/bin/refine")

  environment = {
    LOG_LEVEL = "info"
  }
}

# A program that serves users has a port, and secrets that the state never holds.
resource "headwater_deployment" "collect" {
  name    = "collect"
  program = abspath("build/bin/collect")
  port    = 19080

  secret_environment = {
    HEADWATER_WRITE_KEYS = "write_keys"
  }

  timeouts = {
    create = "1m"
  }
}
