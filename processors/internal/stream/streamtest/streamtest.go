// Package streamtest drives rules in tests: a stand-in for registry and
// catalogue, and scripts that feed events in simulated time and hold what comes
// out against a golden file.
package streamtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/schemas/processed"
)

// Lookups answers as registry and catalogue do, from what it was given.
type Lookups struct {
	schemas  map[int]*event.Schema
	subjects map[int][]string
	entries  []event.Entry
	// Down makes every question to the registry fail as if nobody answered.
	Down bool
}

// CustomerEventID is the id under which [NewLookups] knows the schema of
// processed.customer-events.
const CustomerEventID = 1

// identityLinkID is the same for processed.identity-links.
const identityLinkID = 2

// NewLookups knows the schemas of the processed topics and no event types.
func NewLookups(tb testing.TB) *Lookups {
	tb.Helper()
	l := &Lookups{schemas: make(map[int]*event.Schema), subjects: make(map[int][]string)}
	l.AddSchema(tb, CustomerEventID, processed.CustomerEventSchema, processed.CustomerEventTopic+"-value")
	l.AddSchema(tb, identityLinkID, processed.IdentityLinkSchema, processed.IdentityLinkTopic+"-value")
	return l
}

// AddSchema makes a schema known under an id, as a version of the subjects.
func (l *Lookups) AddSchema(tb testing.TB, id int, avsc string, subjects ...string) {
	tb.Helper()
	schema, err := event.CompileSchema(id, avsc)
	if err != nil {
		tb.Fatal(err)
	}
	l.schemas[id], l.subjects[id] = schema, subjects
}

// AddEntry declares an event type, with its schema.
func (l *Lookups) AddEntry(tb testing.TB, e event.Entry) {
	tb.Helper()
	l.AddSchema(tb, e.SchemaID, e.Schema, e.Subject)
	l.entries = append(l.entries, e)
}

// Schema is the schema known under the id.
func (l *Lookups) Schema(id int) (*event.Schema, error) {
	if l.Down {
		return nil, &event.RegistryError{URL: "test", Err: errors.New("down")}
	}
	if s, ok := l.schemas[id]; ok {
		return s, nil
	}
	return nil, &event.UnknownSchemaError{ID: id, URL: "test"}
}

// Subjects are those that the schema was added with.
func (l *Lookups) Subjects(id int) ([]string, error) {
	if _, err := l.Schema(id); err != nil {
		return nil, err
	}
	return l.subjects[id], nil
}

// Catalogue has the entries that were added.
func (l *Lookups) Catalogue() event.View { return event.NewView(l.entries) }

// addTopics makes the schemas of what the processor reads and writes known.
func (l *Lookups) addTopics(tb testing.TB, spec stream.Spec) {
	tb.Helper()
	for _, r := range spec.Reads {
		if r.Schema != "" && !strings.HasPrefix(r.Topic, "^") {
			l.AddSchema(tb, stream.DriverSchemaID(r.Topic), r.Schema, r.Topic+"-value")
		}
	}
	for _, w := range spec.Writes {
		l.AddSchema(tb, stream.DriverSchemaID(w.Topic), w.Schema, w.Topic+"-value")
	}
}

// Record is a record of a topic that the driver's processor reads or writes.
// value is a generated struct, JSON as [jsontext.Value] with times as RFC 3339,
// bytes that stay as they are, or nil for a tombstone.
func (l *Lookups) Record(tb testing.TB, topic, key string, value any, received time.Time) stream.Input {
	tb.Helper()
	in, err := l.record(topic, key, value, received)
	if err != nil {
		tb.Fatal(err)
	}
	return in
}

func (l *Lookups) record(topic, key string, value any, received time.Time) (stream.Input, error) {
	in := stream.Input{Topic: topic, Key: []byte(key), Received: received}
	schema := l.schemas[stream.DriverSchemaID(topic)]
	switch value := value.(type) {
	case nil:
		return in, nil
	case []byte:
		in.Value = value
		return in, nil
	case jsontext.Value:
		if schema == nil {
			break
		}
		var violations []event.Violation
		if in.Value, violations = schema.EncodeJSON(nil, value); len(violations) > 0 {
			return in, fmt.Errorf("encode for %s: %v", topic, violations)
		}
		return in, nil
	default:
		if schema == nil {
			break
		}
		var err error
		in.Value, err = schema.Encode(nil, value)
		return in, err
	}
	return in, fmt.Errorf("encode for %s: the Spec gives that topic no schema", topic)
}

// Driver makes a driver of the rule on one partition that ends with the test.
func Driver(tb testing.TB, spec stream.Spec, rule stream.Rule, l *Lookups, partition int32) *stream.Driver {
	tb.Helper()
	d, err := stream.NewDriver(spec, rule, l, partition)
	if err != nil {
		tb.Fatal(err)
	}
	l.addTopics(tb, spec)
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}

// CustomerEvent is a record of processed.customer-events.
func (l *Lookups) CustomerEvent(tb testing.TB, e *processed.CustomerEvent, received time.Time) stream.Input {
	tb.Helper()
	if e.ReceivedTime.IsZero() {
		e.ReceivedTime = received
	}
	value, err := l.schemas[CustomerEventID].Encode(nil, e)
	if err != nil {
		tb.Fatal(err)
	}
	return stream.Input{Topic: processed.CustomerEventTopic, Key: []byte(e.Customer), Value: value, Received: received}
}

// IdentityLink is a record of processed.identity-links.
func (l *Lookups) IdentityLink(tb testing.TB, link *processed.IdentityLink, received time.Time) stream.Input {
	tb.Helper()
	value, err := l.schemas[identityLinkID].Encode(nil, link)
	if err != nil {
		tb.Fatal(err)
	}
	return stream.Input{Topic: processed.IdentityLinkTopic, Key: []byte(link.AnonymousID), Value: value, Received: received}
}

// Settings are a rule's default settings.
func Settings(tb testing.TB) *stream.Settings {
	tb.Helper()
	return stream.DefaultSettings()
}

// Feed hands the input to the driver and fails the test on an error of state.
func Feed(tb testing.TB, d *stream.Driver, in stream.Input) stream.Verdict {
	tb.Helper()
	v, err := d.Feed(in)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// Commit commits and returns the outputs, the ledger's aside.
func Commit(tb testing.TB, d *stream.Driver) []stream.Output {
	tb.Helper()
	all, err := d.Commit()
	if err != nil {
		tb.Fatal(err)
	}
	var list []stream.Output
	for _, o := range all {
		if o.Topic != stream.LedgerTopic {
			list = append(list, o)
		}
	}
	return list
}

// Advance moves the clock and fails the test on an error.
func Advance(tb testing.TB, d *stream.Driver, to time.Time) {
	tb.Helper()
	if err := d.Advance(to); err != nil {
		tb.Fatal(fmt.Errorf("advance: %w", err))
	}
}
