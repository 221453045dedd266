package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/mapping"
)

// delivery brings events to the collector and tells the tally what became of
// each.
type delivery struct {
	to       *collector
	importID string
	retryFor time.Duration // how long a batch is tried without progress
	tally    *tally
	heard    func(verdict) // optional: told of each verdict that is final
	onlyType string        // of every event, or ""
}

// errTypeClosed says that the collector takes no events of the one type that all
// events have.
type errTypeClosed struct{ eventType, message string }

// Error implements error.
func (e *errTypeClosed) Error() string {
	return fmt.Sprintf("the collector takes no events of the type %s, which the mapping makes of every line, so nothing was imported: %s", e.eventType, e.message)
}

// closed says whether a verdict refuses the only type, whatever the event holds.
func (d *delivery) closed(verdicts []verdict) error {
	for _, v := range verdicts {
		if d.onlyType == "" || v.Status != refused || len(v.Violations) == 0 {
			continue
		}
		switch first := v.Violations[0]; first.Rule {
		case "unknown type", "retired", "producers":
			return &errTypeClosed{d.onlyType, first.Message}
		}
	}
	return nil
}

// firstBackoff and lastBackoff bound the pause between two attempts.
const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// deliver sends a batch until every event of it has a verdict, under the same
// ids each time. It returns an error when no further batch could fare better:
// a wrong key, or no progress for retryFor.
func (d *delivery) deliver(ctx context.Context, batch []mapping.Result) error {
	pause, progress := firstBackoff, time.Now()
	for {
		left, cause, err := d.attempt(ctx, batch)
		if err != nil || len(left) == 0 {
			return err
		}
		if len(left) < len(batch) {
			pause, progress = firstBackoff, time.Now()
		}
		batch = left
		if time.Since(progress) > d.retryFor {
			return fmt.Errorf("%d events are not delivered after trying for %s: %w", len(batch), d.retryFor, cause)
		}
		var notYet *errNotYet
		wait := pause/2 + rand.N(pause) //nolint:gosec // jitter is no secret
		if errors.As(cause, &notYet) && notYet.after > 0 {
			wait = min(notYet.after, time.Minute)
		}
		d.tally.retrying(cause)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
		pause = min(2*pause, lastBackoff)
	}
}

// attempt sends a batch once and returns the events to send again, with why.
func (d *delivery) attempt(ctx context.Context, batch []mapping.Result) (left []mapping.Result, cause, err error) {
	events := make([]mapping.Event, len(batch))
	for i, r := range batch {
		events[i] = r.Event
	}
	verdicts, err := d.to.send(ctx, d.importID, events)
	var notYet *errNotYet
	var all *errRefusedAll
	switch {
	case err == nil:
		left, cause = d.judge(batch, verdicts)
		return left, cause, d.closed(verdicts)
	case errors.As(err, &notYet):
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if notYet.sent {
			d.tally.uncertain(len(batch))
		}
		return batch, err, nil
	case len(batch) == 1 && (errors.Is(err, errTooLarge) || errors.As(err, &all)):
		d.tally.refused(batch[0].Line, "collector", err.Error(), "")
		return nil, nil, nil
	case errors.Is(err, errTooLarge), errors.As(err, &all):
		return nil, nil, d.halve(ctx, batch)
	}
	return nil, nil, err
}

// halve sends a batch that was refused as a whole in two, so that in the end only
// the events that are to blame are refused.
func (d *delivery) halve(ctx context.Context, batch []mapping.Result) error {
	middle := len(batch) / 2
	if err := d.deliver(ctx, batch[:middle]); err != nil {
		return err
	}
	return d.deliver(ctx, batch[middle:])
}

func (d *delivery) judge(batch []mapping.Result, verdicts []verdict) (left []mapping.Result, cause error) {
	delivered := 0
	for i, v := range verdicts {
		if d.heard != nil && v.Status != retry {
			d.heard(v)
		}
		switch v.Status {
		case accepted:
			delivered++
		case retry:
			left = append(left, batch[i])
			cause = fmt.Errorf("the collector asks to send again: %s", v.Note)
		default:
			reason, detail := v.reason(batch[i].Event.Type)
			d.tally.refused(batch[i].Line, "collector", reason, detail)
		}
	}
	d.tally.accepted(delivered)
	d.tally.uncertain(len(left))
	return left, cause
}

// reason parts a refusal into what it shares with others and what is its own.
func (v verdict) reason(eventType string) (reason, detail string) {
	if len(v.Violations) == 0 {
		return eventType + ": " + v.Note, ""
	}
	first := v.Violations[0]
	return fmt.Sprintf("%s: %s breaks the rule %s", eventType, v.place(first), first.Rule), first.Message
}

// place is the pointer of a violation within its event: within a batch the
// collector's pointers begin with the event's index.
func (v verdict) place(broken event.Violation) string {
	at := strings.TrimPrefix(broken.Pointer, "/"+strconv.Itoa(v.Index))
	if at == "" {
		return "the event"
	}
	return at
}
