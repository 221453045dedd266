terraform {
  required_version = ">= 1.11"
  required_providers {
    headwater = {
      source  = "headwater.internal/platform/headwater"
      version = "0.1.0"
    }
  }
}

variable "bootstrap_servers" {
  description = "Brokers, each as host:port. They may be the output of another resource: the provider dials on first use."
  type        = list(string)
}

variable "password" {
  description = "Password of the principal that Terraform runs as."
  type        = string
  sensitive   = true
}

# Every attribute can come from a HEADWATER_* variable instead, so the block may also be empty.
provider "headwater" {
  bootstrap_servers   = var.bootstrap_servers
  expected_cluster_id = "4L6g3nShT-eMCtK--X86sw"

  sasl = {
    mechanism = "SCRAM-SHA-512"
    username  = "admin"
    password  = var.password
  }

  tls = {
    ca_pem = "/etc/headwater/ca.pem"
  }

  schema_registry = {
    url = "https://registry.platform.example:8081"
  }

  request_timeout = "30s"
}
