terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = {
      environment = var.place
      owner       = var.tags.owner
      cost_center = var.tags.cost_center
      managed_by  = "headwater"
    }
  }
}
