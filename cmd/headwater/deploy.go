package main

import (
	"context"
	"os"
)

type applyCommand struct {
	Place    string `arg:"" help:"The place: dev, staging or prod."`
	Root     string `placeholder:"NAME" help:"Only this root of it, like cluster or platform."`
	Source   string `type:"path" placeholder:"DIR" help:"The folder of environments, modules and schemas, when it is not the repository."`
	Markdown bool   `help:"Print markdown, for CI's summary."`
}

// Help is shown under headwater apply --help.
func (c *applyCommand) Help() string {
	return `Brings a place to what its files say: for each of its roots a plan, the policies, and the apply of that very plan. What a root puts out is handed to the next under the names of its variables, unless TF_VAR_<name> is set. A plan that a policy refuses is not applied, and it exits 1. make up does the same for the local platform.

Example:
  headwater apply staging`
}

// Run is the command.
func (c *applyCommand) Run(ctx context.Context) error {
	return deployment{place: c.Place, root: c.Root, source: c.Source, markdown: c.Markdown, apply: true, out: os.Stdout}.run(ctx)
}
