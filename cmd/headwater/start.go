package main

import "context"

type startCommand struct {
	placeFlags
}

// Help is shown under headwater start --help.
func (c *startCommand) Help() string {
	return `Starts brokers, schema registry and supervisor in the background and returns when they answer; nothing happens when they run already. The processors that were deployed start with them. To apply environments/local by hand then:

  headwater plan                                        # brings the working copy up to date
  eval "$(headwater env)"
  cd build/local/terraform/environments/local && terraform apply

The working copy, <data-dir>/terraform, holds terraform's state. In environments/local of the repository terraform knows nothing of what was applied.`
}

// Run is the command.
func (c *startCommand) Run(ctx context.Context) error {
	if err := checkPortBase(c.portBase()); err != nil {
		return err
	}
	lock, err := lockCommand(c.DataDir, "start")
	if err != nil {
		return err
	}
	defer lock.Close()
	_, _, err = ensurePlatform(ctx, c.placeFlags)
	return err
}
