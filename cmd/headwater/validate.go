package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

type validateCommand struct {
	Places []string `arg:"" optional:"" help:"Places (default: all that have roots)."`
	Source string   `type:"path" placeholder:"DIR" help:"The folder of environments, modules and schemas, when it is not the repository."`
}

// Help is shown under headwater validate --help.
func (c *validateCommand) Help() string {
	return `Holds each root of dev, staging and prod to what its providers know, without a backend and without credentials.`
}

// Run is the command.
func (c *validateCommand) Run(ctx context.Context) error {
	places := c.Places
	if len(places) == 0 {
		found, err := filepath.Glob(filepath.Join(sourceOr(c.Source, findRoot()), "environments", "*", "*", "terraform.tf"))
		if err != nil {
			return err
		}
		for _, path := range found {
			places = append(places, filepath.Base(filepath.Dir(filepath.Dir(path))))
		}
		places = slices.Compact(places)
	}
	for _, place := range places {
		roots, err := openPlace(ctx, c.Source, place, "")
		if err != nil {
			return err
		}
		for _, root := range roots {
			if err := root.terraform(ctx, "init", "-backend=false", "-input=false", "-no-color"); err != nil {
				return err
			}
			if err := root.terraform(ctx, "validate", "-no-color"); err != nil {
				return err
			}
			fmt.Fprintf(os.Stdout, "%s/%s is valid\n", place, root.name)
		}
	}
	return nil
}

// terraform runs a command whose words only matter when it fails.
func (r placeRoot) terraform(ctx context.Context, args ...string) error {
	out, err := r.run.command(ctx, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("terraform %s in environments/%s/%s: %w\n%s", args[0], r.place, r.name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
