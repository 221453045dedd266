package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"headwater.internal/platform/internal/mapping"
)

type importCommand struct {
	placeFlags
	collectorFlags

	File     string        `arg:"" help:"The file, plain or compressed (gzip, zstd, bzip2); - is standard input."`
	Mapping  string        `required:"" type:"existingfile" placeholder:"MAPPING.yaml" help:"How lines become events; docs/import.md is the reference."`
	Senders  int           `default:"4" help:"Requests at once (default 4). The result does not depend on it."`
	Batch    int           `default:"250" help:"Events per request (default 250)."`
	Rate     int           `help:"At most so many events a second (default: no limit)."`
	RetryFor time.Duration `default:"5m" help:"Give up when the collector took nothing of a batch for so long (default 5m)."`
	Wait     time.Duration `default:"2m" help:"Give up when refine counted nothing more for so long (default 2m)."`
	NoWait   bool          `help:"Do not wait for refine: duplicates and dead letters stay unknown, Kafka is not asked."`
	Strict   bool          `help:"Exit with 1 also when a line was refused or became a dead letter."`
	DryRun   bool          `help:"Send nothing: print the first events (see --limit) and what of the file fits the mapping."`
	Limit    int           `default:"5" help:"With --dry-run, how many events to print (default 5)."`
	JSON     bool          `help:"Print one JSON object instead of the table."`
}

// Help is shown under headwater import --help.
func (c *importCommand) Help() string {
	return `Turns the lines of a file into events, sends them through the collector and waits until the processor refine has counted them. It ends with a table of what became of every line.

Examples:
  headwater import --mapping docs/mappings/web_access.yaml access.log.gz
  headwater import --mapping docs/mappings/rees46.yaml --dry-run 2019-Oct.csv
  zcat *.gz | headwater import --mapping m.yaml --senders 8 --json -

A mapping in full, for a CSV file with the header when,who,sku,price:
  source: shop                          # whose events; part of the ids made for lines without one
  format: {type: csv, header: true}     # or ndjson, regexp, whitespace, fixed_width
  type: browsing.product_viewed         # or by the value of a field
  customer: who
  time: {field: when, layout: "%Y-%m-%d %H:%M:%S", zone: Europe/Berlin}
  data:
    product_id: sku
    price: {field: price, type: number}
docs/import.md has every key; docs/mappings has mappings of real files.

Repeating an import is safe: the same lines make the same event ids, and refine drops what it has seen within 24 hours of receipt; the table counts it as duplicate. An id is the field that the mapping names, else a hash of the mapping's source, the line's number and its bytes; the file's name plays no part.

Sessions of old events are final 10 seconds after the last of them came (the settle time); those of new ones when 30 minutes of silence (the gap) and 1 minute (the grace) have passed as well. Until 24 hours after, an event that belongs to a final session opens it again.

What is not acknowledged (503, a verdict "retry", a broken connection) is sent again under the same ids, with growing pauses.

Exit code: 0 when every event was delivered and counted; lines that were refused are in the table with their numbers and reasons (--strict makes them exit 1). 1 when the mapping has mistakes or is for another file, the collector takes no events of the mapping's type, events are undelivered, refine did not count them in time, or the file could not be read to its end.`
}

// Run is the command.
func (c *importCommand) Run(ctx context.Context) error {
	text, err := os.ReadFile(c.Mapping)
	if err != nil {
		return fmt.Errorf("read mapping: %w", err)
	}
	if err := (sending{c.Senders, c.Batch, c.Rate}).check(); err != nil {
		return err
	}
	in, size, err := openInput(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	var read atomic.Int64
	plain, err := mapping.Open(countingReader{in, &read}, c.File)
	if err != nil {
		return err
	}
	defer plain.Close()
	m, reader, err := mapping.LoadFor(c.Mapping, text, plain)
	if err != nil {
		return fmt.Errorf("the mapping has mistakes, or is for another file than %s:\n%w", c.File, err)
	}
	t := newTally(uuid.NewString(), c.File, m.Source)
	if c.DryRun {
		return c.dryRun(reader, t)
	}
	return c.run(ctx, m, reader, t, newProgress(t, size, &read))
}

// openInput opens a file, or standard input as -, and says how long it is; 0 when
// that is unknown.
func openInput(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(os.Stdin), 0, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("open input: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory: name one file, or pipe several into -", name)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, fmt.Errorf("open input: %w", err)
	}
	return f, info.Size(), nil
}

// run imports and prints the report, also when it ends early.
func (c *importCommand) run(ctx context.Context, m *mapping.Mapping, reader *mapping.Reader, t *tally, show *progress) error {
	started := time.Now()
	to, err := c.collector(c.placeFlags)
	if err != nil {
		return err
	}
	var ledger *importLedger
	if !c.NoWait {
		brokers, err := c.brokers()
		if err != nil {
			return err
		}
		if ledger, err = openLedger(ctx, brokers, t.report.ImportID); err != nil {
			return err
		}
		defer ledger.close()
	}
	show.start()
	d := &delivery{to: to, importID: t.report.ImportID, retryFor: c.RetryFor, tally: t, onlyType: m.OnlyType()}
	err = transfer(ctx, sending{c.Senders, c.Batch, c.Rate}, d, func(_ context.Context, use func(mapping.Result) error) error {
		return c.each(reader, t, use)
	})
	report := t.finish(started)
	var closed *errTypeClosed
	if errors.As(err, &closed) && report.Accepted == 0 {
		show.end()
		return c.nothingSent(report, err) // a table of zeros would say less
	}
	if ledger != nil && ctx.Err() == nil {
		line, balanceErr := ledger.balance(ctx, report.Accepted, report.Resent, c.Wait, show.counted.Store)
		report.count(line, balanceErr == nil)
		err = errors.Join(err, balanceErr)
	}
	show.end()
	report.Seconds = time.Since(started).Seconds()
	return c.conclude(report, c.explain(err))
}

// nothingSent ends an import of which no event can be accepted.
func (c *importCommand) nothingSent(r importReport, err error) error {
	if c.JSON {
		r.Error = err.Error()
		return errors.Join(printJSON(os.Stdout, r, true), err)
	}
	return err
}

// count takes over what refine has counted.
func (r *importReport) count(line importLine, balanced bool) {
	r.Balanced, r.Applied, r.Duplicate, r.DeadLetters = balanced, line.Applied, line.Duplicate, line.DeadLettered
	for _, n := range line.DeadLettered {
		r.DeadLettered += n
	}
}

// conclude prints the report and says how the command ends.
func (c *importCommand) conclude(r importReport, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted: import again, nothing is counted twice")
	case err != nil:
	case r.Undelivered > 0:
		err = fmt.Errorf("%d events were not delivered: import again, nothing is counted twice", r.Undelivered)
	case c.Strict && r.Refused+r.DeadLettered > 0:
		err = fmt.Errorf("%d lines were refused and %d events became dead letters", r.Refused, r.DeadLettered)
	}
	if err != nil {
		r.Error = err.Error()
	}
	if c.JSON {
		if jsonErr := printJSON(os.Stdout, r, true); jsonErr != nil {
			return jsonErr
		}
		return err
	}
	r.print(os.Stdout, !c.NoWait, false)
	return err
}

// each hands every record of the file to use.
func (c *importCommand) each(reader *mapping.Reader, t *tally, use func(mapping.Result) error) error {
	for {
		r, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			lines, _, _ := t.counts()
			return fmt.Errorf("read %s after line %d: %w", c.File, lines, err)
		}
		t.read(r)
		if err := use(r); err != nil {
			return err
		}
	}
}

// dryRun prints the first events as they would be sent and judges the whole file.
func (c *importCommand) dryRun(reader *mapping.Reader, t *tally) error {
	started := time.Now()
	var first []jsontext.Value
	err := c.each(reader, t, func(r mapping.Result) error {
		if r.Outcome != mapping.Mapped || len(first) >= c.Limit {
			return nil
		}
		text, err := appendCloudEvent(nil, r.Event)
		first = append(first, text)
		return err
	})
	report := t.finish(started)
	report.Undelivered = 0
	report.FirstEvents = first
	if c.JSON {
		return errors.Join(err, printJSON(os.Stdout, report, true))
	}
	for _, e := range first {
		if err := printJSON(os.Stdout, e, true); err != nil {
			return err
		}
	}
	report.print(os.Stdout, false, true)
	return err
}

// printJSON writes one JSON value and a line end.
func printJSON(w io.Writer, v any, indent bool) error {
	options := []json.Options{json.Deterministic(true)}
	if indent {
		options = append(options, jsontext.WithIndent("  "))
	}
	if err := json.MarshalWrite(w, v, options...); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	_, err := fmt.Fprintln(w)
	return err
}
