package main

import (
	"context"
	"errors"
)

type downCommand struct {
	placeFlags
	portFlags
}

// Run is the command.
func (c *downCommand) Run(_ context.Context) error { return errors.New("down: being written") }
