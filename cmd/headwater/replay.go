package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"headwater.internal/platform/internal/archive"
	"headwater.internal/platform/internal/mapping"
)

type replayCommand struct {
	placeFlags
	collectorFlags

	From     string        `required:"" placeholder:"ADDRESS" help:"The archive: s3://bucket/prefix or file:///directory."`
	Since    time.Time     `required:"" format:"2006-01-02T15:04:05Z07:00" placeholder:"TIME" help:"Events that happened at this time or later, RFC 3339."`
	Until    time.Time     `required:"" format:"2006-01-02T15:04:05Z07:00" placeholder:"TIME" help:"And before this time."`
	Type     []string      `placeholder:"TYPE" help:"Only events of these types."`
	Expired  bool          `help:"Also send events of which the platform no longer holds whether it had them: only into one whose state was reset or lost."`
	Senders  int           `default:"4" help:"Requests at once (default 4)."`
	Batch    int           `default:"250" help:"Events per request (default 250)."`
	Rate     int           `help:"At most so many events a second (default: no limit)."`
	RetryFor time.Duration `default:"5m" help:"Give up when the collector took nothing of a batch for so long (default 5m)."`
	Wait     time.Duration `default:"2m" help:"Give up when refine counted nothing more for so long (default 2m)."`
	DryRun   bool          `help:"Send nothing: say what would be sent."`
	JSON     bool          `help:"Print one JSON object instead of the table."`
}

// Help is shown under headwater replay --help.
func (c *replayCommand) Help() string {
	return `Sends the events of a time range, as the processor archive kept them, through the collector again: under the same ids, sources, customers and times.

Nothing is counted twice. Events that processed.customer-events still holds are not sent at all. Of what is older than that topic's first records nobody can tell whether it was counted here, so it is left out and said, unless --expired: that is for a platform whose state was reset or lost. What was sent a moment ago is dropped by refine, which knows ids for 24 hours.

Examples:
  headwater replay --from s3://acme-events/archive --since 2026-11-01T00:00:00Z --until 2026-11-02T00:00:00Z --dry-run
  headwater replay --from file:///var/archive --since 2026-11-01T00:00:00Z --until 2026-11-02T00:00:00Z --type checkout.order_placed

Credentials, region and endpoint of S3 are found as the AWS SDK finds them. Exit code: 0 when every event of the range is on the platform, 1 otherwise.`
}

// replayReport is what a replay ends with. Archived = held + expired + unreadable +
// sent.events.
type replayReport struct {
	Since      time.Time    `json:"since"`
	Until      time.Time    `json:"until"`
	Archived   int64        `json:"archived"`   // events of the range and types
	Held       int64        `json:"held"`       // the platform has them: not sent
	Expired    int64        `json:"expired"`    // nobody can tell: not sent without --expired
	Unreadable int64        `json:"unreadable"` // kept as bytes, which no collector takes
	DryRun     bool         `json:"dry_run"`
	Sent       importReport `json:"sent"`
}

// Run is the command.
func (c *replayCommand) Run(ctx context.Context) error {
	if !c.Since.Before(c.Until) {
		return fmt.Errorf("--since %s is not before --until %s", c.Since.Format(time.RFC3339), c.Until.Format(time.RFC3339))
	}
	how := sending{c.Senders, c.Batch, c.Rate}
	if err := how.check(); err != nil {
		return err
	}
	store, err := archive.Open(ctx, c.From)
	if err != nil {
		return err
	}
	brokers, err := c.brokers()
	if err != nil {
		return err
	}
	held, err := readHeld(ctx, brokers, c.Since)
	if err != nil {
		return err
	}
	started := time.Now()
	t := newTally(uuid.NewString(), c.From, "")
	report := replayReport{Since: c.Since, Until: c.Until, DryRun: c.DryRun}
	source := replaySource{c: c, reader: archive.NewReader(store), held: held, tally: t, report: &report}
	if c.DryRun {
		err = source.each(ctx, func(mapping.Result) error { return nil })
		report.Sent = t.finish(started)
		report.Sent.Undelivered = 0
		return c.conclude(report, err)
	}
	to, err := c.collector(c.placeFlags)
	if err != nil {
		return err
	}
	ledger, err := openLedger(ctx, brokers, t.report.ImportID)
	if err != nil {
		return err
	}
	defer ledger.close()
	show := newProgress(t, 0, new(atomic.Int64))
	show.start()
	d := &delivery{to: to, importID: t.report.ImportID, retryFor: c.RetryFor, tally: t}
	err = transfer(ctx, how, d, source.each)
	report.Sent = t.finish(started)
	if ctx.Err() == nil {
		line, balanceErr := ledger.balance(ctx, report.Sent.Accepted, report.Sent.Resent, c.Wait, show.counted.Store)
		report.Sent.count(line, balanceErr == nil)
		err = errors.Join(err, balanceErr)
	}
	show.end()
	report.Sent.Seconds = time.Since(started).Seconds()
	return c.conclude(report, c.explain(err))
}

// replaySource is what a replay sends.
type replaySource struct {
	c      *replayCommand
	reader *archive.Reader
	held   *held
	tally  *tally
	report *replayReport
}

// each hands over the events that are to be sent, in the order of the hours in
// which they happened.
func (s replaySource) each(ctx context.Context, use func(mapping.Result) error) error {
	for f, err := range s.reader.Files(ctx, s.c.Since, s.c.Until) {
		if err != nil {
			return err
		}
		rows, err := s.reader.Rows(ctx, f)
		if err != nil {
			return err
		}
		if err := s.file(rows, use); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s replaySource) file(rows []archive.Row, use func(mapping.Result) error) error {
	for _, row := range rows {
		at := row.At()
		if at.Before(s.c.Since) || !at.Before(s.c.Until) || len(s.c.Type) > 0 && !slices.Contains(s.c.Type, row.Type) {
			continue
		}
		s.report.Archived++
		switch {
		case row.Undecoded != nil:
			s.report.Unreadable++
			continue
		case s.held.has(row):
			s.report.Held++
			continue
		case s.held.expired(row) && !s.c.Expired:
			s.report.Expired++
			continue
		}
		r := mapping.Result{Event: replayed(row), Outcome: mapping.Mapped, Line: int(s.report.Archived), Lines: 1}
		s.tally.read(r)
		if err := use(r); err != nil {
			return err
		}
	}
	return nil
}

// replayed is the event as it was sent once.
func replayed(row archive.Row) mapping.Event {
	e := mapping.Event{ID: row.ID, Source: row.Source, Type: row.Type, Time: row.At(), Data: jsontext.Value(row.Data)}
	if row.OriginalTime != nil {
		e.Time = time.UnixMilli(*row.OriginalTime).UTC()
	}
	if row.Subject != nil {
		e.Customer = *row.Subject
	}
	if row.AnonymousID != nil {
		e.AnonymousID = *row.AnonymousID
	}
	return e
}

// conclude prints the report and says how the command ends.
func (c *replayCommand) conclude(r replayReport, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted: replay again, nothing is counted twice")
	case err != nil:
	case r.Sent.Undelivered+r.Sent.Refused > 0 || r.Sent.DeadLettered > 0:
		err = fmt.Errorf("%d events were refused, %d became dead letters and %d were not delivered", r.Sent.Refused, r.Sent.DeadLettered, r.Sent.Undelivered)
	case r.Expired > 0 && !c.DryRun:
		err = fmt.Errorf("%d events were left out: they are older than what %s holds, so nobody can tell whether they were counted here; "+
			"where the state was reset or lost, add --expired", r.Expired, processedTopic)
	}
	if c.JSON {
		if err != nil {
			r.Sent.Error = err.Error()
		}
		return errors.Join(printJSON(os.Stdout, r, true), err)
	}
	fmt.Println(r.line())
	if !c.DryRun {
		r.Sent.print(os.Stdout, true, false)
	}
	return err
}

func (r replayReport) line() string {
	var parts []string
	note := func(n int64, what string) {
		if n > 0 {
			parts = append(parts, thousands(n)+" "+what)
		}
	}
	note(r.Held, "are on the platform already")
	note(r.Expired, "are older than what the platform can tell")
	note(r.Unreadable, "were never readable")
	verb := "sent"
	if r.DryRun {
		verb = "would be sent"
	}
	note(r.Sent.Events, verb)
	return fmt.Sprintf("%s events of that time are archived: %s", thousands(r.Archived), strings.Join(append(parts, "no others"), ", "))
}
