output "size" {
  description = "1610612736"
  value       = provider::headwater::bytes("1.5GiB")
}
