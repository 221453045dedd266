package main

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"headwater.internal/platform/internal/event"
)

// refusalPause is how often refusals of one kind are logged: a sender that is
// wrong is wrong with every event.
const refusalPause = time.Minute

// refusalKind is what refusals have in common. No part of it is made up by a
// sender, so there are few.
type refusalKind struct{ writeKey, eventType, rule string }

// refusals logs what the gateway refuses. For senders that look at nothing but
// the status, as Segment's libraries do, it is the only trace.
type refusals struct {
	log *slog.Logger // nil: slog's default

	mu    sync.Mutex
	kinds map[refusalKind]*refusalCount
}

// refusalCount is what came of one kind since its last line.
type refusalCount struct {
	since time.Time // of that line
	count int
	attrs []any // of the first refusal since
}

// note logs the first refusal of its kind at once and counts those of the minute
// after. The data of an event is never logged, nor a violation's message, which
// quotes it.
func (r *refusals) note(now time.Time, keyName string, in *incoming, v event.Violation) {
	kind := refusalKind{keyName, in.declared.label(), v.Rule}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.kinds[kind]
	if c == nil {
		if r.kinds == nil {
			r.kinds = map[refusalKind]*refusalCount{}
		}
		c = &refusalCount{}
		r.kinds[kind] = c
	}
	if c.count++; c.count == 1 {
		c.attrs = in.traces(v)
	}
	if now.Sub(c.since) >= refusalPause {
		r.say(now, kind, c)
	}
}

// flush logs the kinds whose minute is over and that were refused in it again.
func (r *refusals) flush(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, c := range r.kinds {
		if c.count > 0 && now.Sub(c.since) >= refusalPause {
			r.say(now, kind, c)
		}
	}
}

func (r *refusals) say(now time.Time, kind refusalKind, c *refusalCount) {
	log := r.log
	if log == nil {
		log = slog.Default()
	}
	log.Warn("events are refused", append([]any{
		"write_key", kind.writeKey, "type", kind.eventType, "rule", kind.rule, "count", c.count,
	}, c.attrs...)...)
	*c = refusalCount{since: now}
}

// traces is what finds the first refused event at its sender.
func (in *incoming) traces(v event.Violation) []any {
	attrs := []any{"first_id", shorten(in.envelope.ID)}
	if in.declared == nil && in.asked != "" {
		attrs = append(attrs, "sent_type", shorten(in.asked))
	}
	if at := schemaPlace(v); at != "" {
		attrs = append(attrs, "at", at)
	}
	return attrs
}

// schemaPlace is the part of a violation's pointer that the schema names: what a
// sender may name itself can be data too, such as the key of a map.
func schemaPlace(v event.Violation) string {
	steps := strings.Split(v.Pointer, "/")
	steps = steps[:min(len(steps), 3)] // "", data, field
	switch v.Rule {
	case event.RuleAdditional, event.RuleDuplicate, event.RuleUTF8, event.RuleJSON:
		steps = steps[:min(len(steps), 2)]
	}
	return strings.Join(steps, "/")
}
