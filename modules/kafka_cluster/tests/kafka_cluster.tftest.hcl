# A node must be found again after its machine is gone, may touch nothing of
# another node, and has nothing that an eavesdropper or a passer-by could use.
mock_provider "aws" {
  source = "./tests/mocks"
}

run "the_example_applies" {
  command = apply

  module {
    source = "./examples/basic"
  }
  variables {
    passwords = { admin = "secret", registry = "secret" }
  }
}
