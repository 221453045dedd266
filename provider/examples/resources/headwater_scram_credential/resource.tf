variable "refine_password" {
  description = "Password of the processor refine, from the secret store."
  type        = string
  ephemeral   = true
}

resource "headwater_scram_credential" "refine" {
  username            = "refine"
  password_wo         = var.refine_password
  password_wo_version = 1 # raise it with every new password
}
