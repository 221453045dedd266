package main

import (
	"context"
	"errors"
)

type planCommand struct {
	placeFlags
	portFlags
}

// Run is the command.
func (c *planCommand) Run(_ context.Context) error { return errors.New("plan: being written") }
