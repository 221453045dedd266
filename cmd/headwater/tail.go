package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type tailCommand struct {
	placeFlags

	Topic     string        `arg:"" help:"The topic."`
	FromStart bool          `help:"Begin with the oldest record instead of the next."`
	ToEnd     bool          `help:"Stop at what is the end now. Implies --from-start."`
	Latest    bool          `help:"Print only the last record of each key, tombstones left out. Implies --to-end."`
	Key       string        `help:"Only records with this key."`
	Limit     int           `placeholder:"N" help:"Stop after N records."`
	Timeout   time.Duration `placeholder:"D" help:"Stop after waiting for new records for so long in all, such as 10s."`
	JSON      bool          `help:"Print one JSON object per line."`
}

// Help is shown under headwater tail --help.
func (c *tailCommand) Help() string {
	return `Prints committed records with their values decoded: Avro through the schema registry, JSON as it is, anything else as base64. In processed.customer-events the event inside, data, is decoded too. A tombstone's value is null.

It runs until interrupted, unless --limit, --timeout or --to-end ends it; all of them exit with 0. With --from-start, records that are there already are always printed in full: the timeout counts the waiting for new ones from then on.

Examples:
  headwater tail processed.customer-events
  headwater tail aggregates.sessions --from-start --limit 5 --json
  headwater tail aggregates.event-counts --latest --json | jq .value
  headwater tail raw.checkout.order-placed --from-start --timeout 10s --key cdnow-0001

With --json each line has topic, partition, offset, key, timestamp, headers, value and encoding (avro, json, base64; absent for null); schema_id for Avro; problem when a value that looks like Avro could not be decoded. Order is kept within a partition.

On another cluster than the local platform's, set HEADWATER_BOOTSTRAP_SERVERS, HEADWATER_SASL_MECHANISM, HEADWATER_SASL_USERNAME, HEADWATER_SASL_PASSWORD and HEADWATER_SCHEMA_REGISTRY_URL.`
}

// errEnough ends a reading that has what it wants.
var errEnough = errors.New("enough")

// Run is the command.
func (c *tailCommand) Run(ctx context.Context) error {
	brokers, err := c.brokers()
	if err != nil {
		return err
	}
	registry, err := c.registry()
	if err != nil {
		return err
	}
	c.ToEnd = c.ToEnd || c.Latest
	f, err := follow(ctx, brokers, c.Topic, c.FromStart || c.ToEnd)
	if err != nil {
		return err
	}
	defer f.close()
	out := bufio.NewWriter(os.Stdout)
	err = c.tail(ctx, f, &decoder{registry}, out)
	if errors.Is(err, errEnough) || errors.Is(err, context.Canceled) {
		err = nil // both are how it is meant to end
	}
	return errors.Join(c.explain(err), out.Flush())
}

func (c *tailCommand) tail(ctx context.Context, f *follower, d *decoder, out *bufio.Writer) error {
	if c.Latest {
		return c.latest(ctx, f, d, out)
	}
	printed := 0
	show := func(r *kgo.Record) error {
		if c.Key != "" && string(r.Key) != c.Key {
			return nil
		}
		if err := c.print(out, d.record(ctx, r)); err != nil {
			return err
		}
		if printed++; printed == c.Limit {
			return errEnough
		}
		return nil
	}
	if err := f.drain(ctx, show); err != nil || c.ToEnd {
		return err
	}
	for started := time.Now(); c.Timeout == 0 || time.Since(started) < c.Timeout; {
		if err := out.Flush(); err != nil { // whoever watches wants to see it now
			return err
		}
		patience := 250 * time.Millisecond
		if c.Timeout > 0 {
			patience = min(patience, c.Timeout-time.Since(started))
		}
		if err := f.poll(ctx, patience, show); err != nil {
			return err
		}
	}
	return nil
}

// latest prints the last record of each key, in the order of partition and offset.
func (c *tailCommand) latest(ctx context.Context, f *follower, d *decoder, out *bufio.Writer) error {
	last := map[string]*kgo.Record{}
	err := f.drain(ctx, func(r *kgo.Record) error {
		if c.Key == "" || string(r.Key) == c.Key {
			last[string(r.Key)] = r
		}
		return nil
	})
	if err != nil {
		return err
	}
	var records []*kgo.Record
	for _, r := range last {
		if r.Value != nil {
			records = append(records, r)
		}
	}
	slices.SortFunc(records, byPosition)
	for i, r := range records {
		if c.Limit > 0 && i == c.Limit {
			break
		}
		if err := c.print(out, d.record(ctx, r)); err != nil {
			return err
		}
	}
	return nil
}

func byPosition(a, b *kgo.Record) int {
	if a.Partition != b.Partition {
		return int(a.Partition - b.Partition)
	}
	return int(a.Offset - b.Offset)
}

func (c *tailCommand) print(out io.Writer, r decoded) error {
	if c.JSON {
		return printJSON(out, r, false)
	}
	_, err := fmt.Fprintln(out, r.line())
	return err
}
