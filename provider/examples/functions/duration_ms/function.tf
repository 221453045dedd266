output "month" {
  description = "2592000000"
  value       = provider::headwater::duration_ms("30d")
}
