package main

import (
	"context"
	"errors"
)

type terraformCommand struct {
	Args []string `arg:"" optional:"" passthrough:"" help:"Arguments of terraform, after --."`
}

// Run is the command.
func (c *terraformCommand) Run(_ context.Context) error {
	return errors.New("terraform: being written")
}
