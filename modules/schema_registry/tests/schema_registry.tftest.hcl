mock_provider "aws" {
  source = "./tests/mocks"
}

run "the_example_applies" {
  command = apply

  module {
    source = "./examples/basic"
  }
}
