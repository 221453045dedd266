locals {
  _certificate_template = "arn:aws:acm-pca:::template/EndEntityCertificate/V1"
}

# The home of the certificates. Its key never leaves AWS; the nodes make their own
# keys and ask for certificates of seven days, which a timer renews every day, so
# nothing needs to be revoked.
resource "aws_acmpca_certificate_authority" "this" {
  type       = "ROOT"
  usage_mode = "SHORT_LIVED_CERTIFICATE"

  certificate_authority_configuration {
    key_algorithm     = "RSA_2048"
    signing_algorithm = "SHA256WITHRSA"

    subject {
      common_name  = "${var.name} Kafka"
      organization = "Headwater"
    }
  }

  permanent_deletion_time_in_days = 7

  tags = { Name = "${var.name}-kafka" }
}

resource "aws_acmpca_certificate" "root" {
  certificate_authority_arn   = aws_acmpca_certificate_authority.this.arn
  certificate_signing_request = aws_acmpca_certificate_authority.this.certificate_signing_request
  signing_algorithm           = "SHA256WITHRSA"
  template_arn                = "arn:aws:acm-pca:::template/RootCACertificate/V1"

  validity {
    type  = "YEARS"
    value = 10
  }
}

resource "aws_acmpca_certificate_authority_certificate" "root" {
  certificate_authority_arn = aws_acmpca_certificate_authority.this.arn
  certificate               = aws_acmpca_certificate.root.certificate
  certificate_chain         = aws_acmpca_certificate.root.certificate_chain
}
