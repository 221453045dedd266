resource "headwater_deployment" "refine" {
  name     = "refine"
  program  = abspath("build/bin/refine")
  tasks    = 2
  revision = filesha256("build/bin/refine")

  environment = {
    LOG_LEVEL = "info"
  }
}

# The load decides how many tasks run: that number is no drift.
resource "headwater_deployment" "sessionize" {
  name    = "sessionize"
  program = abspath("build/bin/sessionize")

  autoscale = {
    min_tasks = 1
    max_tasks = 12
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
