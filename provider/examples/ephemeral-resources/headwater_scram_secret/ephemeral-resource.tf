variable "password_version" {
  description = "Raise it to turn the password."
  type        = number
  default     = 1
}

# Another password in every run. Only the run that writes the secret keeps its own.
ephemeral "headwater_scram_secret" "refine" {}

resource "aws_secretsmanager_secret" "refine" {
  name = "kafka/refine"
}

resource "aws_secretsmanager_secret_version" "refine" {
  secret_id                = aws_secretsmanager_secret.refine.id
  secret_string_wo         = ephemeral.headwater_scram_secret.refine.password
  secret_string_wo_version = var.password_version
}

# By the id of the version that was written, so that it is read after that.
ephemeral "aws_secretsmanager_secret_version" "refine" {
  secret_id  = aws_secretsmanager_secret.refine.id
  version_id = aws_secretsmanager_secret_version.refine.version_id
}

resource "headwater_scram_credential" "refine" {
  username            = "refine"
  password_wo         = ephemeral.aws_secretsmanager_secret_version.refine.secret_string
  password_wo_version = aws_secretsmanager_secret_version.refine.secret_string_wo_version
}
