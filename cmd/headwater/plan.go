package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
)

type planCommand struct {
	placeFlags

	Source string `type:"path" placeholder:"DIR" help:"The folder of environments, modules and schemas, when it is not the repository."`
}

// Help is shown under headwater plan --help.
func (c *planCommand) Help() string {
	return `Runs terraform plan on environments/local against the running platform. Nothing changes. The exit code is terraform's.`
}

// Run is the command.
func (c *planCommand) Run(ctx context.Context) error {
	place, secrets, err := c.open()
	if err != nil {
		return err
	}
	if !answers(ctx, place, secrets) {
		return errNotUp
	}
	run, err := prepareTerraform(ctx, c.Source, place, secrets)
	if err != nil {
		return err
	}
	cmd := run.command(ctx, "plan", "-input=false")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	return err
}
