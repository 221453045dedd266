package main

import "context"

type startCommand struct {
	placeFlags
}

// Help is shown under headwater start --help.
func (c *startCommand) Help() string {
	return `Starts brokers, schema registry and supervisor in the background and returns when they answer; nothing happens when they run already. The processors that were deployed start with them. To apply environments/local by hand then:

  eval "$(headwater env)"
  cd environments/local && terraform init && terraform apply`
}

// Run is the command.
func (c *startCommand) Run(ctx context.Context) error {
	_, _, err := ensurePlatform(ctx, c.placeFlags)
	return err
}
