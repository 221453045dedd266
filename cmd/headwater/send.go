package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"headwater.internal/platform/internal/mapping"
)

type sendCommand struct {
	placeFlags
	collectorFlags

	Type        string        `arg:"" help:"Event type, such as checkout.order_placed."`
	Customer    string        `placeholder:"ID" help:"Whose event it is."`
	AnonymousID string        `placeholder:"ID" help:"The visitor, when the customer is not known or besides it."`
	Data        string        `default:"{}" placeholder:"JSON" help:"The event's data: JSON, @FILE, or - for standard input (default {})."`
	ID          string        `placeholder:"ID" help:"Event id. Sending it again counts once (default: a new one, which is printed)."`
	Source      string        `default:"headwater" help:"Who made the event (default headwater)."`
	Time        string        `placeholder:"TIME" help:"When it happened, RFC 3339 (default: now)."`
	RetryFor    time.Duration `default:"30s" help:"Give up when the collector did not take it for so long (default 30s)."`
	JSON        bool          `help:"Print one JSON object."`
}

// Help is shown under headwater send --help.
func (c *sendCommand) Help() string {
	return `Examples:
  headwater send checkout.order_placed --customer ann --data '{"total": 12.5, "currency": "EUR"}'
  headwater send browsing.page_viewed --anonymous-id v-7 --data @page.json --time 2026-01-31T10:00:00Z
Exit code: 0 when the event is durable, 1 when it was refused or not delivered.`
}

// Run is the command.
func (c *sendCommand) Run(ctx context.Context) error {
	e, err := c.event()
	if err != nil {
		return err
	}
	to, err := c.collector(c.placeFlags)
	if err != nil {
		return err
	}
	v, err := sendOne(ctx, to, e, c.RetryFor)
	if err != nil {
		return fmt.Errorf("send event %s: %w", e.ID, c.explain(err))
	}
	if c.JSON {
		err = printJSON(os.Stdout, v, true)
	} else {
		v.print(os.Stdout)
	}
	if v.Status != accepted {
		return errors.Join(err, errors.New("the event was refused"))
	}
	return err
}

// event is what the flags ask to send.
func (c *sendCommand) event() (mapping.Event, error) {
	e := mapping.Event{
		ID: c.ID, Source: c.Source, Type: c.Type, Customer: c.Customer,
		AnonymousID: c.AnonymousID, Time: time.Now().UTC(),
	}
	if e.Customer == "" && e.AnonymousID == "" {
		return e, errors.New("say whose event it is with --customer or --anonymous-id")
	}
	if e.ID == "" {
		e.ID = uuid.NewString()
	}
	if c.Time != "" {
		at, err := time.Parse(time.RFC3339Nano, c.Time)
		if err != nil {
			return e, fmt.Errorf("--time %q: write it as 2006-01-02T15:04:05Z", c.Time)
		}
		e.Time = at
	}
	var err error
	e.Data, err = readData(c.Data)
	return e, err
}

// readData reads JSON given as itself, as @FILE or as - for standard input.
func readData(given string) (jsontext.Value, error) {
	text := []byte(given)
	var err error
	if name, isFile := strings.CutPrefix(given, "@"); isFile {
		text, err = os.ReadFile(name)
	} else if given == "-" {
		text, err = io.ReadAll(io.LimitReader(os.Stdin, 64<<20))
	}
	if err != nil {
		return nil, fmt.Errorf("read data: %w", err)
	}
	v := jsontext.Value(bytes.Clone(text)) // Compact writes into it
	if err := v.Compact(); err != nil {
		return nil, fmt.Errorf("the data is no JSON: %s", mapping.WordSyntax(text, err))
	}
	return v, nil
}

// sendOne sends one event until there is a final verdict.
func sendOne(ctx context.Context, to *collector, e mapping.Event, retryFor time.Duration) (verdict, error) {
	var got verdict
	t := newTally("", "", e.Source)
	d := delivery{to: to, retryFor: retryFor, tally: t, heard: func(v verdict) { got = v }}
	if err := d.deliver(ctx, []mapping.Result{{Event: e}}); err != nil {
		return got, err
	}
	if got.Status == "" { // refused without a verdict
		got = verdict{ID: e.ID, Status: refused}
		for key := range t.groups {
			got.Note = key.reason
		}
	}
	return got, nil
}

func (v verdict) print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%s  id %s", v.Status, v.ID)
	if v.Note != "" {
		_, _ = fmt.Fprintf(w, "  %s", v.Note)
	}
	_, _ = fmt.Fprintln(w)
	for _, broken := range v.Violations {
		_, _ = fmt.Fprintf(w, "  %s  %s: %s\n", v.place(broken), broken.Rule, broken.Message)
	}
}
