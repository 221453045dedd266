terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
    headwater = {
      source  = "headwater.internal/platform/headwater"
      version = "0.1.0"
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

# The admin's password is in HEADWATER_SASL_PASSWORD: the runner has it from its
# secret. Another cluster than the one that was declared is refused.
provider "headwater" {
  bootstrap_servers   = split(",", var.bootstrap_servers)
  deletion_protection = var.deletion_protection
  expected_cluster_id = var.cluster_id

  sasl = {
    mechanism = "SCRAM-SHA-512"
    username  = "admin"
  }

  tls = {
    ca_pem = var.ca_certificate
  }

  schema_registry = {
    url = var.registry_url
  }
}
