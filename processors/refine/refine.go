package main

import (
	"time"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/schemas/processed"
)

// customerIdentified is the event that tells who an anonymous visitor is.
const customerIdentified = "account.customer_identified"

// rule refines one raw record: is it an event that the catalogue declares on
// this topic, does its value decode, and is it the first of its id?
type rule struct {
	window time.Duration // for which an id is remembered
	probes *probes
}

func newRule(s *stream.Settings) stream.Rule {
	return &rule{
		window: s.Duration("HEADWATER_DEDUPE_WINDOW", 24*time.Hour, "an id sent again within this is a duplicate"),
		probes: newProbes(),
	}
}

// Apply refines one record.
func (r *rule) Apply(tx *stream.Tx, in *stream.Input) stream.Verdict {
	e, err := event.ParseHeaders(in.Headers)
	if err != nil {
		in.ImportID = importOf(in)
		return stream.DeadLetter(stream.BadEnvelope, "%v", err)
	}
	in.ImportID = e.ImportID
	entry, verdict := declared(in, e.Type)
	if !verdict.OK() {
		return verdict
	}
	schema, verdict := writtenWith(in, entry)
	if !verdict.OK() {
		return verdict
	}
	revenue, err := r.probes.read(schema, entry.RevenueField, in.Value)
	if err != nil {
		return stream.DeadLetter(stream.BadPayload, "%v", err)
	}
	body, err := event.Body(in.Value)
	if err != nil {
		return stream.DeadLetter(stream.BadSchemaID, "%v", err)
	}
	if err := schema.CheckText(body); err != nil {
		return stream.DeadLetter(stream.BadPayload, "%v", err)
	}
	if verdict := r.first(tx, &e, body, in.Received); !verdict.OK() {
		return verdict
	}
	return publish(tx, in, &e, schema.ID(), body, revenue)
}

// declared finds the catalogue's entry of the type, which must be on this topic.
func declared(in *stream.Input, eventType string) (event.Entry, stream.Verdict) {
	entry, ok := in.Catalogue().Type(eventType)
	switch {
	case !ok:
		return entry, stream.DeadLetter(stream.UnknownType, "the catalogue does not declare %s", eventType)
	case entry.Topic != in.Topic:
		return entry, stream.DeadLetter(stream.UnknownType, "the catalogue declares %s on %s, not on %s", eventType, entry.Topic, in.Topic)
	default:
		return entry, stream.Applied
	}
}

// writtenWith finds the value's schema, which must be a version of the entry's.
func writtenWith(in *stream.Input, entry event.Entry) (*event.Schema, stream.Verdict) {
	schema, verdict := in.Schema()
	if !verdict.OK() || schema.ID() == entry.SchemaID {
		return schema, verdict
	}
	return schema, in.WrittenFor(schema, entry.Subject)
}

func publish(tx *stream.Tx, in *stream.Input, e *event.Envelope, schemaID int, body []byte, revenue *int64) stream.Verdict {
	received := e.ReceivedTime
	if received.IsZero() {
		received = in.Received
	}
	customer := e.Customer()
	err := tx.Append(processed.CustomerEventTopic, []byte(customer), &processed.CustomerEvent{
		ID: e.ID, Source: e.Source, Type: e.Type, Customer: customer,
		AnonymousID: event.Optional(device(e)), ImportID: event.Optional(e.ImportID),
		Time: e.Time, ReceivedTime: received, OriginalTime: optionalTime(e.OriginalTime),
		RevenueMicros: revenue,
		SchemaID:      int32(schemaID), //nolint:gosec // the wire format has 32 bits for it
		Data:          body,
	}, in.Headers)
	if err != nil {
		return stream.DeadLetter(stream.RuleError, "%v", err)
	}
	return link(tx, e)
}

// device is the anonymous id, where it says more than the subject does. In a
// customer event it equals the customer only where the sender named none: such
// events go to whoever the anonymous id turns out to be, named ones never move.
func device(e *event.Envelope) string {
	if e.AnonymousID == e.Subject {
		return ""
	}
	return e.AnonymousID
}

// link says who an anonymous id is. Of several links of an id in a transaction
// each is written: its readers choose among all.
func link(tx *stream.Tx, e *event.Envelope) stream.Verdict {
	if e.Type != customerIdentified || e.Subject == "" || e.AnonymousID == "" || e.Subject == e.AnonymousID {
		return stream.Applied
	}
	err := tx.Append(processed.IdentityLinkTopic, []byte(e.AnonymousID), &processed.IdentityLink{
		AnonymousID: e.AnonymousID, Customer: e.Subject, LinkedTime: e.Time,
	}, nil)
	if err != nil {
		return stream.DeadLetter(stream.RuleError, "%v", err)
	}
	return stream.Applied
}

// importOf finds the import of a record whose envelope cannot be read, so that
// the import's counts still balance.
func importOf(in *stream.Input) string {
	for _, h := range in.Headers {
		if h.Key == event.HeaderImportID {
			return string(h.Value)
		}
	}
	return ""
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
