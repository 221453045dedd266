package main

import (
	"context"
	"errors"
)

type statusCommand struct {
	placeFlags
	portFlags
}

// Run is the command.
func (c *statusCommand) Run(_ context.Context) error { return errors.New("status: being written") }
