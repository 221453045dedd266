package main

import (
	"context"
	"errors"
)

type upCommand struct {
	placeFlags
	portFlags
}

// Run is the command.
func (c *upCommand) Run(_ context.Context) error { return errors.New("up: being written") }
