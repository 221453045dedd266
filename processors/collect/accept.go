package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// maxEventBytes is the largest event, as JSON.
const maxEventBytes = 1 << 20

// produceTimeout is how long a sender waits for the brokers before it is told to
// try again.
const produceTimeout = 10 * time.Second

// incoming is one event as a sender gave it, whichever API it used.
type incoming struct {
	envelope   event.Envelope
	declared   *declared         // nil after a violation of the type
	data       jsontext.Value    // the event's own JSON
	at         string            // where data stands in what was sent, as a pointer
	renamed    map[string]string // pointers that stand elsewhere in what was sent
	asked      string            // the type as the sender named it
	note       string
	violations []event.Violation
}

func (in *incoming) violate(pointer string, rule event.Rule, format string, args ...any) {
	in.violations = append(in.violations, event.Violation{Pointer: pointer, Rule: rule, Message: fmt.Sprintf(format, args...)})
}

// tooLarge is the violation of an event of n bytes.
func tooLarge(n int) event.Violation {
	return event.Violation{Rule: ruleSize, Message: fmt.Sprintf("expected at most %d bytes, got %d", maxEventBytes, n)}
}

// batch is the events of one request on their way to the brokers. The wait may
// end before the last acknowledgement, hence the lock.
type batch struct {
	mu       sync.Mutex
	verdicts []verdict
	cause    error // of one event that the brokers did not take
	pending  sync.WaitGroup
}

// take encodes and produces events and waits for the brokers. It returns a
// verdict for each, in order.
func (g *gateway) take(events []incoming, received time.Time, keyName string) answer {
	b := &batch{verdicts: make([]verdict, len(events))}
	records := make([]*kgo.Record, len(events))
	for i := range events {
		b.verdicts[i] = verdict{Index: i, ID: events[i].envelope.ID, Verdict: refused, Note: events[i].note}
		records[i] = g.record(&events[i], received, &b.verdicts[i])
	}
	for i, record := range records {
		if record != nil {
			b.verdicts[i].Verdict = retry // until acknowledged
			b.pending.Add(1)
		}
	}
	started := time.Now()
	for i, record := range records {
		if record != nil {
			// A sender that hangs up must not leave a hole in what others send,
			// so the request's context does not reach the producer.
			g.producer.TryProduce(context.Background(), record, func(_ *kgo.Record, err error) { g.acknowledged(b, i, err) })
		}
	}
	verdicts, cause := b.wait(g.settings.timeout)
	a := answer{Events: verdicts}
	g.metrics.produced(time.Since(started))
	if a.count(); a.Retry > 0 {
		slog.Warn("events are not acknowledged", "count", a.Retry, "of", len(events), "err", cause)
	}
	for i := range a.Events {
		g.metrics.event(events[i].declared, a.Events[i].Verdict, keyName)
		for _, v := range a.Events[i].Violations[:min(1, len(a.Events[i].Violations))] {
			g.metrics.refused(events[i].declared, v.Rule, keyName)
			g.refusals.note(received, keyName, &events[i], v)
		}
	}
	return a
}

// record encodes one event, or fills its verdict with what is wrong with it.
func (g *gateway) record(in *incoming, received time.Time, v *verdict) *kgo.Record {
	if len(in.violations) > 0 || in.declared == nil {
		v.Violations = in.violations
		return nil
	}
	if in.declared.broken != nil {
		v.Verdict = retry
		v.Note = "the schema of " + in.declared.Type + " cannot be used; its owner " + in.declared.Owner + " has to mend it"
		return nil
	}
	value, violations := in.declared.schema.EncodeJSON(make([]byte, 0, len(in.data)+8), in.data)
	if len(violations) > 0 {
		v.Violations = in.place(violations)
		return nil
	}
	if in.stamp(received) {
		v.Note = strings.TrimPrefix(v.Note+"; ", "; ") + fmt.Sprintf("its time is more than 5 minutes ahead of its receipt: it counts as %s",
			in.envelope.Time.Format(time.RFC3339))
	}
	record := &kgo.Record{
		Topic:     in.declared.Topic,
		Key:       []byte(in.envelope.Customer()),
		Value:     value,
		Headers:   in.envelope.Headers(),
		Timestamp: received,
	}
	return record
}

// stamp sets the times that the gateway knows, and says whether the sender's was
// too far ahead.
func (in *incoming) stamp(received time.Time) (clamped bool) {
	e := &in.envelope
	e.ReceivedTime = received
	if e.Time.IsZero() {
		e.Time, e.Untimed = received, true
	}
	at, clamped := event.Clamp(e.Time, received)
	if clamped && e.OriginalTime.IsZero() {
		e.OriginalTime = e.Time
	}
	e.Time = at
	return clamped
}

// place turns pointers into the data into pointers into what was sent.
func (in *incoming) place(violations []event.Violation) []event.Violation {
	for i := range violations {
		if sent, ok := in.renamed[violations[i].Pointer]; ok {
			violations[i].Pointer = sent
			continue
		}
		violations[i].Pointer = in.at + violations[i].Pointer
	}
	return violations
}

// acknowledged notes what the brokers said of one event.
func (g *gateway) acknowledged(b *batch, i int, err error) {
	defer b.pending.Done()
	b.mu.Lock()
	defer b.mu.Unlock()
	v := &b.verdicts[i]
	switch {
	case err == nil:
		v.Verdict = accepted
	case errors.Is(err, kerr.MessageTooLarge):
		v.Verdict = refused
		v.Violations = []event.Violation{{Rule: ruleSize, Message: "expected a record that its topic can take, got a larger one"}}
	default:
		b.cause = err
		g.metrics.produceFailed(err)
	}
}

// wait returns the verdicts when all are known or the time is up. Those still
// open then are retries; should the record arrive all the same, the id of the
// second one gives it away.
func (b *batch) wait(limit time.Duration) ([]verdict, error) {
	done := make(chan struct{})
	go func() {
		b.pending.Wait()
		close(done)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return b.verdicts, b.cause
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause == nil {
		b.cause = context.DeadlineExceeded
	}
	return slices.Clone(b.verdicts), b.cause
}
