package main

import (
	"context"
	"errors"
)

type runCommand struct {
	placeFlags
	portFlags
}

// Run is the command.
func (c *runCommand) Run(_ context.Context) error { return errors.New("run: being written") }
