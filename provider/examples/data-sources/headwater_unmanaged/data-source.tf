# States pulled before the plan, of every root on this cluster:
#   terraform -chdir=../streams state pull > streams.tfstate
data "headwater_unmanaged" "this" {
  state_files = ["streams.tfstate", "teams.tfstate"]

  ignore = {
    topics = ["connect-*"]
    users  = ["admin"]
  }
}

check "everything_has_an_owner" {
  assert {
    condition     = data.headwater_unmanaged.this.total == 0
    error_message = "Nobody declares ${jsonencode(data.headwater_unmanaged.this.topics)} and ${data.headwater_unmanaged.this.total} objects in all."
  }
}
