terraform {
  required_version = ">= 1.11"

  required_providers {
    headwater = {
      source  = "headwater.internal/platform/headwater"
      version = ">= 0.1.0"
    }
  }
}
