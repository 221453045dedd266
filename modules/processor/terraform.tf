terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 6.0"
    }
    headwater = {
      source  = "headwater.internal/platform/headwater"
      version = ">= 0.1.0"
    }
  }
}
