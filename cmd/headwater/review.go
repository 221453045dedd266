package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"headwater.internal/platform/internal/review"
)

type reviewCommand struct {
	Base     string `default:"origin/main" placeholder:"REVISION" help:"What the change is to be merged into (default origin/main)."`
	Head     string `placeholder:"REVISION" help:"The change, read from git's objects alone (default: the working tree)."`
	Dir      string `type:"existingdir" placeholder:"DIR" help:"The repository, when it is not the one we are in."`
	Ledger   string `type:"path" placeholder:"FILE" help:"Append the conflicts caught, and the end of those that are no more, to this file."`
	Change   string `placeholder:"NAME" help:"What the ledger calls the change, like \"pull request 7\"."`
	Plan     string `type:"existingfile" placeholder:"FILE" help:"Review this plan instead: the JSON that terraform show -json prints of it."`
	JSON     bool   `help:"Print JSON."`
	Markdown bool   `help:"Print markdown, for a pull request."`
}

// Help is shown under headwater review --help.
func (c *reviewCommand) Help() string {
	return `Says what a change does to events: what each gains or loses, who reads it, and whether each changed schema may follow its earlier versions at its declared level. It needs git and nothing else: no registry, no credentials. The earlier versions are those of the main line. It exits 1 when the change must not be merged as it is.

With --plan it says what a plan would create, change, replace and delete, and holds it to the policies of policies/.

Examples:
  headwater review
  headwater review --base origin/main --head my-branch --json
  headwater review --ledger conflicts.ndjson --change "pull request 7"
  headwater review --plan build/plans/prod-cluster.json`
}

// errRefused ends a review that found something: what it is stands above.
var errRefused = errors.New("review: refused, for the reasons above")

// Run is the command.
func (c *reviewCommand) Run(ctx context.Context) error {
	if c.Plan != "" {
		return c.plan(ctx)
	}
	if (c.Ledger == "") != (c.Change == "") {
		return errors.New("--ledger and --change go together: the ledger says in which change a conflict was caught")
	}
	repo := review.Repository{Dir: c.Dir}
	if repo.Dir == "" {
		repo.Dir = findRoot()
	}
	report, err := review.Run(ctx, repo, c.Base, c.Head)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(os.Stdout, report, true)
	} else {
		err = report.Write(os.Stdout, c.Markdown)
	}
	if err == nil && c.Ledger != "" {
		err = c.record(report)
	}
	if err == nil && report.Refused() {
		err = errRefused
	}
	return err
}

func (c *reviewCommand) record(report *review.Report) error {
	ledger, err := review.OpenLedger(c.Ledger)
	if err != nil {
		return err
	}
	return ledger.Record(report, c.Change, time.Now())
}

// plan reviews a plan file.
func (c *reviewCommand) plan(ctx context.Context) error {
	if c.Ledger != "" || c.Head != "" {
		return errors.New("--plan reviews a plan alone: leave --ledger and --head out")
	}
	text, err := os.ReadFile(c.Plan)
	if err != nil {
		return err
	}
	plan, err := review.ReadPlan(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Plan, err)
	}
	verdict, err := askPolicies(ctx, c.Plan)
	if err != nil {
		return err
	}
	result := review.PlanReport{Plan: plan, Verdict: verdict}
	if c.JSON {
		err = printJSON(os.Stdout, result, true)
	} else {
		err = result.Write(os.Stdout, c.Markdown)
	}
	if err == nil && len(verdict.Refusals) > 0 {
		err = errRefused
	}
	return err
}
