package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"headwater.internal/platform/internal/review"
)

type conflictsCommand struct {
	Ledger   string        `arg:"" type:"existingfile" help:"The ledger that headwater review --ledger appends to."`
	Within   time.Duration `placeholder:"TIME" help:"Only what happened within this time, like 2160h for 90 days."`
	JSON     bool          `help:"Print JSON."`
	Withdraw string        `placeholder:"CHANGE" help:"First end what is open of this change, which was given up."`
}

// Help is shown under headwater conflicts --help.
func (c *conflictsCommand) Help() string {
	return `Counts the schema changes that were caught before they broke who reads the events: how many, by which rule, what became of them.

Examples:
  headwater conflicts conflicts.ndjson --within 2160h
  headwater conflicts conflicts.ndjson --withdraw "pull request 7"`
}

// Run is the command.
func (c *conflictsCommand) Run(_ context.Context) error {
	ledger, err := review.OpenLedger(c.Ledger)
	if err != nil {
		return err
	}
	now := time.Now()
	if c.Withdraw != "" {
		if err := ledger.Withdraw(c.Withdraw, now); err != nil {
			return err
		}
	}
	since := time.Time{}
	if c.Within > 0 {
		since = now.Add(-c.Within)
	}
	tally := ledger.Tally(since)
	if c.JSON {
		return printJSON(os.Stdout, tally, true)
	}
	fmt.Printf("%d caught, %d mended, %d withdrawn, %d open; open for %.1f hours in the mean\n",
		tally.Caught, tally.Mended, tally.Withdrawn, len(tally.Open), tally.MeanHours)
	for _, e := range tally.Open {
		fmt.Printf("  open since %s: %s, %s at %s, hits %s (%s)\n",
			e.At.Format(time.DateOnly), e.Event, e.Rule, e.Path, strings.Join(e.Consumers, ", "), e.Change)
	}
	return nil
}
