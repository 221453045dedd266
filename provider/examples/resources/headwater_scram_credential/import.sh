# A user name, or mechanism/user name. The next apply sets the password anew.
terraform import headwater_scram_credential.refine SCRAM-SHA-512/refine
