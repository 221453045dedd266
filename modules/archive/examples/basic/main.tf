module "archive" {
  source = "../.." # "../../../modules/archive" in environments/<place>/platform

  name                = "headwater-staging"
  colder_after_days   = { infrequent = 30, glacier = 120 }
  deletion_protection = true
  undelete_days       = 30
}

# The program archive is a processor like others: modules/processor takes these as
# environment and rights.
output "archive" {
  description = "What modules/processor is told of the bucket."
  value       = { environment = module.archive.environment, rights = module.archive.rights }
}
