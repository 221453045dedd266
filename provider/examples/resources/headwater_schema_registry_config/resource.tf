# What holds for every subject without a level of its own.
resource "headwater_schema_registry_config" "this" {
  compatibility_level = "FULL_TRANSITIVE"
}
