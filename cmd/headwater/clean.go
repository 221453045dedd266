package main

import (
	"context"
	"errors"
)

type cleanCommand struct {
	placeFlags
	portFlags
}

// Run is the command.
func (c *cleanCommand) Run(_ context.Context) error { return errors.New("clean: being written") }
