data "headwater_restart" "three" {
  node_id = 3
}

check "broker_three_can_be_spared" {
  assert {
    condition     = data.headwater_restart.three.allowed
    error_message = join("; ", data.headwater_restart.three.reasons)
  }
}
