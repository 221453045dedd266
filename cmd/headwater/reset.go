package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"headwater.internal/platform/internal/topology"
)

type resetCommand struct {
	operateFlags

	To        string `required:"" placeholder:"TIME" help:"Where to begin: earliest, latest or a time of receipt, such as 2026-11-23T14:00:00Z."`
	Topic     string `placeholder:"TOPIC" help:"This input only. With several inputs it needs --keep-state, since they share the state."`
	KeepState bool   `help:"Move the offsets only."`
}

// Help is shown under headwater reset --help.
func (c *resetCommand) Help() string {
	return `Has a paused processor process its inputs again from a time, with empty state: it moves the committed offsets of its group and clears the state, in one transaction. State as it was at that time cannot be had, since its changelog is compacted: it is cleared, or with --keep-state stays as it is now. Read docs/runbooks/reset-a-processor.md for what that does to what is published already.

What it passes over, moving forward, is not processed at all: headwater skip leaves a dead letter for each record, reset --to latest does not. Either is noted in headwater.ledger under operator/.

Examples:
  headwater pause sessionize
  headwater reset sessionize --to earliest --dry-run
  headwater reset sessionize --to 2026-11-23T14:00:00Z
  headwater resume sessionize`
}

// Run is the command.
func (c *resetCommand) Run(ctx context.Context) error {
	var report topology.ResetReport
	wish := func(dry bool) any {
		return topology.Reset{To: c.To, Topic: c.Topic, KeepState: c.KeepState, DryRun: dry, By: c.by()}
	}
	return c.operate(ctx, "--reset", wish, &report, func(w io.Writer) { printReset(w, report) })
}

func printReset(w io.Writer, r topology.ResetReport) {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "TOPIC\tPARTITION\tFROM\tTO\tAGAIN\tPASSED OVER")
	var again, passed, own int64
	for _, m := range r.Moves {
		from := "-"
		if m.From >= 0 {
			from = fmt.Sprint(m.From)
		}
		_, _ = fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%d\t%d\n", m.Topic, m.Partition, from, m.To, m.Again, m.Passed)
		again, passed = again+m.Again, passed+m.Passed
		if m.Own {
			own++
		}
	}
	_ = table.Flush()
	if own > 0 && !r.KeepState {
		_, _ = fmt.Fprintf(w, "\nwhat %s itself writes it goes on with at the end: it writes again what it processes again\n", r.Processor)
	}
	does, state := "", fmt.Sprintf("state is cleared: %s keys of %s, %d local directories", thousands(r.StateRecords), r.StateTopic, len(r.Directories))
	if r.KeepState {
		state = "state stays as it is"
	}
	if r.DryRun {
		does = "would: "
	}
	_, _ = fmt.Fprintf(w, "\n%s%s: at most %s records are processed again and %s passed over; %s\n", does, r.Processor, thousands(again), thousands(passed), state)
	if !r.DryRun {
		_, _ = fmt.Fprintf(w, "go on with headwater resume %s\n", r.Processor)
	}
}
