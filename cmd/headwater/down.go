package main

import (
	"context"
	"fmt"

	"headwater.internal/platform/internal/local"
)

type downCommand struct {
	placeFlags
}

// Help is shown under headwater down --help.
func (c *downCommand) Help() string {
	return `Asks every task to finish what it has begun, then stops the brokers. Nothing is lost: headwater up goes on where it was.`
}

// Run is the command.
func (c *downCommand) Run(ctx context.Context) error {
	pid, err := local.RunningPID(c.DataDir)
	if err != nil {
		return err
	}
	if pid == 0 {
		fmt.Println("nothing is running")
		return nil
	}
	s := begin("platform", 0)
	defer s.clear()
	if err := stopPlatform(ctx, c.DataDir, pid); err != nil {
		return err
	}
	s.done("stopped; its data is in %s", c.DataDir)
	return nil
}
