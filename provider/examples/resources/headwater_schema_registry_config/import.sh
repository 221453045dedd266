# There is one registry: any id will do.
terraform import headwater_schema_registry_config.this registry
