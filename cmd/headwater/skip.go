package main

import (
	"context"
	"fmt"
	"io"

	"headwater.internal/platform/internal/topology"
)

type skipCommand struct {
	operateFlags

	Topic     string `required:"" placeholder:"TOPIC" help:"The input."`
	Partition int32  `required:"" placeholder:"P" help:"Its partition."`
	From      int64  `required:"" placeholder:"OFFSET" help:"The first offset: the one that the processor is at."`
	To        int64  `required:"" placeholder:"OFFSET" help:"The last offset that is skipped."`
}

// Help is shown under headwater skip --help.
func (c *skipCommand) Help() string {
	return `Takes a range of offsets off a paused processor, and nothing without an entry: each record of the range that the topic still has becomes a dead letter of class skipped, and counts as one in headwater.ledger, in the transaction that moves the offset. What the topic no longer has is noted there under operator/. headwater dead-letters resend sends the records again.

A task that has stopped a partition names the range: see headwater status for its log, or the metric headwater_stream_stopped.

Examples:
  headwater pause refine
  headwater skip refine --topic raw.shop.item-seen --partition 3 --from 1200 --to 1250 --dry-run
  headwater skip refine --topic raw.shop.item-seen --partition 3 --from 1200 --to 1250
  headwater resume refine`
}

// Run is the command.
func (c *skipCommand) Run(ctx context.Context) error {
	var report topology.SkipReport
	wish := func(dry bool) any {
		return topology.Skip{Topic: c.Topic, Partition: c.Partition, From: c.From, To: c.To, DryRun: dry, By: c.by()}
	}
	return c.operate(ctx, "--skip", wish, &report, func(w io.Writer) { printSkip(w, report) })
}

func printSkip(w io.Writer, r topology.SkipReport) {
	does := ""
	if r.DryRun {
		does = "would: "
	}
	_, _ = fmt.Fprintf(w, "%s%s skips %s/%d from %d to %d: %s records to %s as skipped", does, r.Processor, r.Topic, r.Partition, r.From, r.To,
		thousands(r.DeadLettered), deadLetterTopic)
	if r.Emptied > 0 {
		_, _ = fmt.Fprintf(w, " (%d of them without their value, which is too large)", r.Emptied)
	}
	if r.Deleted > 0 {
		_, _ = fmt.Fprintf(w, ", and %s offsets that the topic no longer has", thousands(r.Deleted))
	}
	_, _ = fmt.Fprintln(w)
	if !r.DryRun {
		_, _ = fmt.Fprintf(w, "go on with headwater resume %s\n", r.Processor)
	}
}
