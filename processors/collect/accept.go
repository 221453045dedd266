package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

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
	value      []byte            // data as Avro, once it is encoded
	at         string            // where data stands in what was sent, as a pointer
	renamed    map[string]string // fields, as pointers, that stand elsewhere in what was sent
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

// take encodes what is not encoded yet, produces the events and waits for the
// brokers. It answers with a verdict for each, in order.
func (g *gateway) take(b *batch, received time.Time, keyName string) answer {
	started := time.Now()
	b.verdicts = make([]verdict, len(b.events))
	b.records = slices.Grow(b.records[:0], len(b.events))[:len(b.events)]
	for i := range b.events {
		g.admit(b, i, received)
	}
	if b.open > 0 {
		time.Sleep(g.gather.wait(time.Now(), b.open))
	}
	verdicts, cause := b.produce(g.settings.timeout)
	a := answer{Events: verdicts}
	g.metrics.produced(time.Since(started))
	if a.count(); a.Retry > 0 {
		slog.Warn("events are not acknowledged", "count", a.Retry, "of", len(b.events), "err", cause)
	}
	g.tally(b.events, a.Events, received, keyName)
	return a
}

// tally counts the verdicts and notes the refusals.
func (g *gateway) tally(events []incoming, verdicts []verdict, received time.Time, keyName string) {
	for i := range verdicts {
		g.metrics.event(events[i].declared, verdicts[i].Verdict, keyName)
		for _, v := range verdicts[i].Violations[:min(1, len(verdicts[i].Violations))] {
			g.metrics.refused(events[i].declared, v.Rule, keyName)
			g.refusals.note(received, keyName, &events[i], v)
		}
	}
}

// admit makes the record of the event i, or fills its verdict with what is wrong
// with it.
func (g *gateway) admit(b *batch, i int, received time.Time) {
	in, v := &b.events[i], &b.verdicts[i]
	*v = verdict{Index: i, ID: in.envelope.ID, Verdict: refused, Note: in.note}
	if len(in.violations) > 0 || in.declared == nil {
		v.Violations = in.violations
		return
	}
	if in.declared.broken != nil {
		v.Verdict = retry
		v.Note = "the schema of " + in.declared.Type + " cannot be used; its owner " + in.declared.Owner + " has to mend it"
		return
	}
	if in.value == nil {
		if violations := b.encode(in); len(violations) > 0 {
			v.Violations = in.place(violations)
			return
		}
	}
	if in.stamp(received) {
		v.Note = strings.TrimPrefix(v.Note+"; ", "; ") + fmt.Sprintf("its time is more than 5 minutes ahead of its receipt: it counts as %s",
			in.envelope.Time.Format(time.RFC3339))
	}
	v.Verdict = retry // until acknowledged
	b.record(i, received)
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
		pointer, below := violations[i].Pointer, ""
		if next := strings.IndexByte(strings.TrimPrefix(pointer, "/"), '/'); next >= 0 {
			pointer, below = pointer[:next+1], pointer[next+1:]
		}
		if sent, ok := in.renamed[pointer]; ok {
			violations[i].Pointer = sent + below
			continue
		}
		violations[i].Pointer = in.at + violations[i].Pointer
	}
	return violations
}
