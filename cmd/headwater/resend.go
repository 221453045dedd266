package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/mapping"
)

type deadLettersResendCommand struct {
	placeFlags
	collectorFlags
	letterFilter

	Positions []string      `arg:"" optional:"" help:"PARTITION/OFFSET of each, as list shows it."`
	All       bool          `help:"All that the filters choose."`
	AnyTopic  bool          `help:"Also those that did not come from a raw topic, whose other readers then see them twice."`
	Data      string        `placeholder:"JSON" help:"Mend one: send this data (JSON, @FILE or -) through the collector under its id, customer and time."`
	EventType string        `placeholder:"TYPE" help:"With --data, when the record's own type is missing or wrong."`
	Customer  string        `placeholder:"ID" help:"With --data, when the record's own customer is missing or wrong."`
	RetryFor  time.Duration `default:"30s" help:"With --data, give up after so long (default 30s)."`
	DryRun    bool          `help:"Send nothing, print what would be sent."`
	JSON      bool          `help:"Print one JSON object."`
}

// Help is shown under headwater dead-letters resend --help.
func (c *deadLettersResendCommand) Help() string {
	return `Without --data the original bytes go to the partition they came from, under the same key and event id and without the dl_ headers. The record counts as received now. What is wrong with it must be mended elsewhere first (a schema registered, a processor corrected), or it becomes a dead letter again.

With --data one event is sent anew through the collector, under the same id, source, time and customer.

Sending twice is safe: refine applies an event id once within 24 hours. A dead letter stays on its topic until that expires.

Examples:
  headwater dead-letters resend 3/17 5/0
  headwater dead-letters resend --all --class unknown_schema --since 2h --dry-run
  headwater dead-letters resend 3/17 --data '{"total": 12.5}'`
}

// resent is one line of what resend prints.
type resent struct {
	deadLetter
	Result string `json:"result"` // sent, would be sent, or why not
	Failed bool   `json:"failed"`
}

// Run is the command.
func (c *deadLettersResendCommand) Run(ctx context.Context) error {
	if c.All == (len(c.Positions) > 0) {
		return errors.New("name positions, or --all with filters: headwater dead-letters list shows them")
	}
	if c.Data != "" && (c.All || len(c.Positions) != 1) {
		return errors.New("--data mends one dead letter: name one position")
	}
	var results []resent
	var err error
	if c.Data != "" {
		results, err = c.mend(ctx)
	} else {
		results, err = c.again(ctx)
	}
	if err != nil {
		return err
	}
	failed := 0
	for _, r := range results {
		if r.Failed {
			failed++
		}
	}
	if c.JSON {
		err = printJSON(os.Stdout, struct {
			Sent    int      `json:"sent"`
			Failed  int      `json:"failed"`
			DryRun  bool     `json:"dry_run"`
			Letters []resent `json:"dead_letters"`
		}{len(results) - failed, failed, c.DryRun, results}, true)
	} else {
		err = printResent(os.Stdout, results, failed)
	}
	if failed > 0 {
		return errors.Join(err, fmt.Errorf("%d of %d dead letters were not sent", failed, len(results)))
	}
	return err
}

// again sends the original bytes.
func (c *deadLettersResendCommand) again(ctx context.Context) ([]resent, error) {
	brokers, err := c.brokers()
	if err != nil {
		return nil, err
	}
	client, err := brokers.Client(
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(16<<20),
		kgo.RecordDeliveryTimeout(time.Minute),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var mu sync.Mutex
	var results []resent
	note := func(l deadLetter, result string, failed bool) {
		mu.Lock()
		defer mu.Unlock()
		l.record = nil
		results = append(results, resent{l, result, failed})
	}
	one := func(l deadLetter) error {
		switch {
		case l.Topic == "" || l.Partition < 0:
			note(l, "it does not say where it came from", true)
		case !strings.HasPrefix(l.Topic, "raw.") && !c.AnyTopic:
			note(l, "it came from "+l.Topic+", whose other readers would see it twice (--any-topic sends it all the same)", true)
		case c.DryRun:
			note(l, "would be sent", false)
		default:
			client.Produce(ctx, original(l), func(_ *kgo.Record, err error) {
				if err != nil {
					note(l, err.Error(), true)
					return
				}
				note(l, "sent", false)
			})
		}
		return nil
	}
	if err := c.choose(ctx, one); err != nil {
		return nil, err
	}
	if err := client.Flush(ctx); err != nil {
		return nil, fmt.Errorf("send dead letters: %w", err)
	}
	return results, nil
}

func (c *deadLettersResendCommand) choose(ctx context.Context, use func(deadLetter) error) error {
	if c.All {
		return eachDeadLetter(ctx, c.placeFlags, c.letterFilter, use)
	}
	for _, position := range c.Positions {
		l, err := readDeadLetter(ctx, c.placeFlags, position)
		if err != nil {
			return err
		}
		if err := use(l); err != nil {
			return err
		}
	}
	return nil
}

// original is the record as it was before it became a dead letter. Its timestamp
// is the time of sending: duplicates are looked for from the receipt backwards,
// and a topic's retention would drop an old one at once.
func original(l deadLetter) *kgo.Record {
	r := &kgo.Record{Topic: l.Topic, Partition: l.Partition, Key: l.record.Key, Value: l.record.Value}
	for _, h := range l.record.Headers {
		if !strings.HasPrefix(h.Key, "dl_") {
			r.Headers = append(r.Headers, h)
		}
	}
	return r
}

// mend sends new data through the collector.
func (c *deadLettersResendCommand) mend(ctx context.Context) ([]resent, error) {
	l, err := readDeadLetter(ctx, c.placeFlags, c.Positions[0])
	if err != nil {
		return nil, err
	}
	e, err := c.mended(l)
	if err != nil {
		return nil, fmt.Errorf("mend %s: %w", l.Position, err)
	}
	if c.DryRun {
		return []resent{{l, "would be sent as " + string(e.Data), false}}, nil
	}
	to, err := c.collector(c.placeFlags)
	if err != nil {
		return nil, err
	}
	v, err := sendOne(ctx, to, e, c.RetryFor)
	if err != nil {
		return nil, fmt.Errorf("mend %s: %w", l.Position, err)
	}
	if v.Status == accepted {
		return []resent{{l, "sent", false}}, nil
	}
	reason, detail := v.reason(e.Type)
	return []resent{{l, "refused: " + reason + because(detail), true}}, nil
}

// mended is the event that the dead letter stands for, with new data.
func (c *deadLettersResendCommand) mended(l deadLetter) (mapping.Event, error) {
	var e mapping.Event
	at := l.Time.Format(time.RFC3339Nano)
	for _, h := range l.record.Headers {
		switch v := string(h.Value); h.Key {
		case event.HeaderID:
			e.ID = v
		case event.HeaderSource:
			e.Source = v
		case event.HeaderType:
			e.Type = v
		case event.HeaderSubject:
			e.Customer = v
		case event.HeaderAnonymousID:
			e.AnonymousID = v
		case event.HeaderTime:
			at = v
		}
	}
	if c.EventType != "" {
		e.Type = c.EventType
	}
	if c.Customer != "" {
		e.Customer = c.Customer
	}
	switch {
	case e.ID == "" || e.Source == "":
		return e, errors.New("it has no event id or source: send it with headwater send instead")
	case e.Type == "":
		return e, errors.New("it has no event type: add --event-type")
	case e.Customer == "" && e.AnonymousID == "":
		return e, errors.New("it has no customer: add --customer")
	}
	var err error
	if e.Time, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return e, fmt.Errorf("its time %q is malformed: send it with headwater send instead", at)
	}
	e.Data, err = readData(c.Data)
	return e, err
}

// maxResentRows keeps a long list from scrolling its sums away.
const maxResentRows = 100

func printResent(w io.Writer, results []resent, failed int) error {
	if len(results) == 0 {
		_, err := fmt.Fprintln(w, "no dead letters")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "POSITION\tCLASS\tTO\tID\tRESULT")
	for i, r := range results {
		if i == maxResentRows {
			_, _ = fmt.Fprintf(table, "...\t\t\t\t%d more\n", len(results)-i)
			break
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s/%d\t%s\t%s\n", r.Position, r.Class, r.Topic, r.Partition, orDash(r.ID), r.Result)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d chosen, %d failed\n", len(results), failed)
	return err
}
