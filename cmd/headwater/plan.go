package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

type planCommand struct {
	placeFlags

	Place    string `arg:"" optional:"" default:"local" help:"The place: local, dev, staging or prod (default local)."`
	Root     string `placeholder:"NAME" help:"Of a place on AWS only this root, like cluster or platform."`
	Markdown bool   `help:"Of a place on AWS print markdown, for a pull request."`
	NoLock   bool   `help:"Of a place on AWS take no lock of the state, with rights that only read."`
	Source   string `type:"path" placeholder:"DIR" help:"The folder of environments, modules and schemas, when it is not the repository."`
}

// Help is shown under headwater plan --help.
func (c *planCommand) Help() string {
	return `Compares environments/local with the running platform and shows the differences, which headwater up would remove. Nothing changes.

Of dev, staging and prod it plans each root, says what would change, and holds the plan to the policies of policies/; it exits 1 when one refuses. The plan and its JSON stay in build/plans. It needs credentials that may read the account.

Examples:
  headwater plan
  headwater plan prod --root cluster`
}

// Run is the command.
func (c *planCommand) Run(ctx context.Context) error {
	if c.Place != "local" {
		return deployment{place: c.Place, root: c.Root, source: c.Source, markdown: c.Markdown, noLock: c.NoLock, out: os.Stdout}.run(ctx)
	}
	if c.Root != "" || c.Markdown || c.NoLock {
		return errors.New("--root, --markdown and --no-lock are for dev, staging and prod: local has one root")
	}
	place, secrets, err := c.open()
	if err != nil {
		return err
	}
	if !answers(ctx, place, secrets) {
		return errNotUp
	}
	lock, err := lockCommand(c.DataDir, "plan")
	if err != nil {
		return err
	}
	defer lock.Close()
	tool, err := findTerraform(ctx, findRoot())
	if err != nil {
		return err
	}
	run, err := prepareTerraform(ctx, tool, c.Source, place, secrets)
	if err != nil {
		return err
	}
	return showPlan(ctx, run)
}

// showPlan prints the differences and their sum, without the hundreds of lines on
// what was looked at.
func showPlan(ctx context.Context, run *terraformRun) error {
	file := filepath.Join(run.dir, ".terraform", "headwater.tfplan")
	defer func() { _ = os.Remove(file) }() // it holds the platform's settings
	s := begin("plan", 1)
	defer s.clear()
	if err := run.plan(ctx, s, file); err != nil {
		return err
	}
	s.clear()
	args := []string{"show"}
	if !isTerminal(os.Stdout) {
		args = append(args, "-no-color")
	}
	show := run.command(ctx, append(args, file)...)
	show.Stdout, show.Stderr = os.Stdout, os.Stderr
	if err := show.Run(); err != nil {
		return fmt.Errorf("terraform show: %w", err)
	}
	return nil
}
