package main

import (
	"bytes"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/processors/internal/stream/streamtest"
	"headwater.internal/platform/schemas/processed"
)

const (
	orderV1 = `{"type":"record","name":"OrderPlaced","namespace":"checkout","fields":[{"name":"order_id","type":"string"}]}`
	orderV2 = `{"type":"record","name":"OrderPlaced","namespace":"checkout","fields":[{"name":"order_id","type":"string"},
		{"name":"total","type":["null","double"],"default":null},{"name":"note","type":"string","default":""}]}`
	identified = `{"type":"record","name":"CustomerIdentified","namespace":"account","fields":[{"name":"plan","type":"string"}]}`

	orderTopic = "raw.checkout.order-placed"
	otherTopic = "raw.account.customer-identified"
)

// fixture is a driver with a small catalogue.
type fixture struct {
	tb      testing.TB
	d       *stream.Driver
	lookups *streamtest.Lookups
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	l := streamtest.NewLookups(tb)
	l.AddSchema(tb, 10, orderV1, orderTopic+"-value")
	l.AddEntry(tb, event.Entry{
		Type: "checkout.order_placed", Topic: orderTopic, Subject: orderTopic + "-value", SchemaID: 11, Schema: orderV2, RevenueField: "total",
	})
	l.AddEntry(tb, event.Entry{
		Type: customerIdentified, Topic: otherTopic, Subject: otherTopic + "-value", SchemaID: 12, Schema: identified,
	})
	return &fixture{tb, streamtest.Driver(tb, spec, newRule(streamtest.Settings(tb)), l, 3), l}
}

// order is the envelope of an order, to be changed by the test.
func order(id string) event.Envelope {
	return event.Envelope{
		ID: id, Source: "shop", Type: "checkout.order_placed", Subject: "ann", ImportID: "imp",
		Time: streamtest.Day.Add(-time.Hour), ReceivedTime: streamtest.Day, AnonymousID: "anon-1",
	}
}

func (f *fixture) value(id int, v map[string]any) []byte {
	f.tb.Helper()
	schema, err := f.lookups.Schema(id)
	if err != nil {
		f.tb.Fatal(err)
	}
	b, err := schema.Encode(nil, v)
	if err != nil {
		f.tb.Fatal(err)
	}
	return b
}

func (f *fixture) feed(e event.Envelope, topic string, value []byte, received time.Time) stream.Verdict {
	f.tb.Helper()
	return streamtest.Feed(f.tb, f.d, stream.Input{
		Topic: topic, Key: []byte(e.Customer()), Value: value, Headers: e.Headers(), Received: received,
	})
}

// Defends what others read: the refined record carries the envelope, the body
// without its prefix, the revenue, the receipt time, and the customer as key.
func TestRefinedRecord(t *testing.T) {
	f := newFixture(t)
	value := f.value(11, map[string]any{"order_id": "o1", "total": 12.3456785, "note": "x"})
	if v := f.feed(order("1"), orderTopic, value, streamtest.Day); !v.OK() {
		t.Fatal(v)
	}
	out := streamtest.Commit(t, f.d)
	if len(out) != 1 {
		t.Fatalf("%d records came out, want one", len(out))
	}
	var have processed.CustomerEvent
	if err := out[0].Decode(&have); err != nil {
		t.Fatal(err)
	}
	anon, imp, revenue := "anon-1", "imp", int64(12345679)
	want := processed.CustomerEvent{
		ID: "1", Source: "shop", Type: "checkout.order_placed", Customer: "ann", AnonymousID: &anon, ImportID: &imp,
		Time: streamtest.Day.Add(-time.Hour), ReceivedTime: streamtest.Day, RevenueMicros: &revenue, SchemaID: 11, Data: value[5:],
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("the record differs (-want +have):\n%s", diff)
	}
	if o := out[0]; o.Key != "ann" || o.Header("ce_id") != "1" || !o.Timestamp.Equal(streamtest.Day) {
		t.Errorf("key %q, ce_id %q, timestamp %s", o.Key, o.Header("ce_id"), o.Timestamp)
	}
}

// Defends the classes: each kind of bad record gets its own, and none of them
// leaves anything but a dead letter.
func TestDeadLetterClasses(t *testing.T) {
	good := func(f *fixture) []byte { return f.value(11, map[string]any{"order_id": "o", "total": nil, "note": ""}) }
	for name, c := range map[string]struct {
		class stream.Class
		feed  func(f *fixture) stream.Verdict
	}{
		"no envelope": {stream.BadEnvelope, func(f *fixture) stream.Verdict {
			return streamtest.Feed(t, f.d, stream.Input{Topic: orderTopic, Value: good(f), Received: streamtest.Day})
		}},
		"no id": {stream.BadEnvelope, func(f *fixture) stream.Verdict {
			return f.feed(order(""), orderTopic, good(f), streamtest.Day)
		}},
		"undeclared type": {stream.UnknownType, func(f *fixture) stream.Verdict {
			e := order("1")
			e.Type = "checkout.made_up"
			return f.feed(e, orderTopic, good(f), streamtest.Day)
		}},
		"type on another topic": {stream.UnknownType, func(f *fixture) stream.Verdict {
			return f.feed(order("1"), otherTopic, good(f), streamtest.Day)
		}},
		"no schema id": {stream.BadSchemaID, func(f *fixture) stream.Verdict {
			return f.feed(order("1"), orderTopic, []byte(`{"order_id":"o"}`), streamtest.Day)
		}},
		"unknown schema": {stream.UnknownSchema, func(f *fixture) stream.Verdict {
			return f.feed(order("1"), orderTopic, []byte{0, 0, 0, 9, 9, 0}, streamtest.Day)
		}},
		"another topic's schema": {stream.WrongSubject, func(f *fixture) stream.Verdict {
			return f.feed(order("1"), orderTopic, f.value(12, map[string]any{"plan": "p"}), streamtest.Day)
		}},
		"cut off": {stream.BadPayload, func(f *fixture) stream.Verdict {
			v := good(f)
			return f.feed(order("1"), orderTopic, v[:len(v)-1], streamtest.Day)
		}},
		"left over": {stream.BadPayload, func(f *fixture) stream.Verdict {
			return f.feed(order("1"), orderTopic, append(good(f), 0), streamtest.Day)
		}},
		"text that is no UTF-8": {stream.BadPayload, func(f *fixture) stream.Verdict {
			return f.feed(order("1"), orderTopic, f.value(11, map[string]any{"order_id": "o", "total": nil, "note": "caf\xe9"}), streamtest.Day)
		}},
		"a customer that is no UTF-8": {stream.BadEnvelope, func(f *fixture) stream.Verdict {
			e := order("1")
			e.Subject = "caf\xe9"
			return f.feed(e, orderTopic, good(f), streamtest.Day)
		}},
		"revenue that is no number": {stream.BadPayload, func(f *fixture) stream.Verdict {
			return f.feed(order("1"), orderTopic, f.value(11, map[string]any{"order_id": "o", "total": math.NaN(), "note": ""}), streamtest.Day)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			if v := c.feed(f); v.Class() != c.class {
				t.Errorf("the verdict is %s, want class %s", v, c.class)
			}
			out := streamtest.Commit(t, f.d)
			if len(out) != 1 || out[0].Topic != stream.DeadLetterTopic {
				t.Errorf("%d outputs, want one dead letter", len(out))
			}
			if n := f.d.Keys(nil); n != 0 {
				t.Errorf("%d keys are in the state, want none", n)
			}
			// Mended and sent again under the same id it is taken.
			if v := f.feed(order("1"), orderTopic, good(f), streamtest.Day); !v.OK() {
				t.Errorf("the mended record is %s", v)
			}
		})
	}
}

// Defends evolution: records of an older version of the topic's schema are taken.
func TestOlderVersionIsTaken(t *testing.T) {
	f := newFixture(t)
	if v := f.feed(order("1"), orderTopic, f.value(10, map[string]any{"order_id": "o"}), streamtest.Day); !v.OK() {
		t.Fatal(v)
	}
	var e processed.CustomerEvent
	if err := streamtest.Commit(t, f.d)[0].Decode(&e); err != nil {
		t.Fatal(err)
	}
	if e.SchemaID != 10 || e.RevenueMicros != nil {
		t.Errorf("schema %d with revenue %v, want 10 without", e.SchemaID, e.RevenueMicros)
	}
}

// Defends patience: while the registry cannot be reached, a record is not judged.
func TestRegistryDownIsNoVerdict(t *testing.T) {
	f := newFixture(t)
	value := f.value(11, map[string]any{"order_id": "o", "total": nil, "note": ""})
	f.lookups.Down = true
	if v := f.feed(order("1"), orderTopic, value, streamtest.Day); v.String() != "retry: ask registry test: down" {
		t.Errorf("the verdict is %s, want a retry", v)
	}
	f.lookups.Down = false
	if v := f.feed(order("1"), orderTopic, value, streamtest.Day); !v.OK() {
		t.Errorf("the verdict is %s in the end", v)
	}
}

// Defends the dedupe rule by its edges: same and other content, source, type,
// time of sending, and the window of 24 hours.
func TestDuplicates(t *testing.T) {
	f := newFixture(t)
	value := f.value(11, map[string]any{"order_id": "o", "total": 1.0, "note": ""})
	other := f.value(11, map[string]any{"order_id": "p", "total": 1.0, "note": ""})
	at := streamtest.Day.Add(30 * time.Minute)
	steps := []struct {
		what     string
		change   func(*event.Envelope)
		value    []byte
		received time.Time
		want     string
	}{
		{"first", nil, value, at, "applied"},
		{"again", nil, value, at.Add(time.Second), "duplicate"},
		{"again by another import, received later", func(e *event.Envelope) {
			e.ImportID, e.ReceivedTime, e.SentTime, e.TraceParent = "imp2", at.Add(time.Hour), at, "00-1"
		}, value, at.Add(time.Hour), "duplicate"},
		{"clamped this time", func(e *event.Envelope) { e.OriginalTime, e.Time = e.Time, e.Time.Add(-time.Minute) }, value, at, "duplicate"},
		{"other content", nil, other, at.Add(time.Hour), "id_collision"},
		{"other customer", func(e *event.Envelope) { e.Subject = "bob" }, value, at, "id_collision"},
		{"other time", func(e *event.Envelope) { e.Time = e.Time.Add(time.Second) }, value, at, "id_collision"},
		{"without a time", func(e *event.Envelope) { e.ID, e.Untimed = "2", true }, value, at, "applied"},
		{"again without a time, received later", func(e *event.Envelope) {
			e.ID, e.Untimed, e.Time = "2", true, e.Time.Add(time.Minute)
		}, value, at.Add(time.Minute), "duplicate"},
		{"other source", func(e *event.Envelope) { e.Source = "till" }, value, at, "applied"},
		{"at the end of the window", nil, value, at.Add(24 * time.Hour), "duplicate"},
		{"after the window", nil, value, at.Add(25 * time.Hour), "applied"},
		{"after that", nil, value, at.Add(25 * time.Hour), "duplicate"},
	}
	for _, s := range steps {
		e := order("1")
		if s.change != nil {
			s.change(&e)
		}
		v := f.feed(e, orderTopic, s.value, s.received)
		have := v.String()
		if v.Class() != "" {
			have = string(v.Class())
		}
		if have != s.want {
			t.Errorf("%s: %s, want %s", s.what, have, s.want)
		}
		streamtest.Commit(t, f.d)
	}
}

// Defends the bound of the state: fingerprints go when the window has passed.
func TestFingerprintsExpire(t *testing.T) {
	f := newFixture(t)
	value := f.value(11, map[string]any{"order_id": "o", "total": nil, "note": ""})
	for i := range 700 {
		f.feed(order(strconv.Itoa(i)), orderTopic, value, streamtest.Day)
	}
	streamtest.Commit(t, f.d)
	if n := f.d.Keys(nil); n != 700 {
		t.Fatalf("%d fingerprints, want 700", n)
	}
	before := f.d.Changelog()
	streamtest.Advance(t, f.d, streamtest.Day.Add(26*time.Hour))
	streamtest.Commit(t, f.d)
	if n := f.d.Keys(nil); n != 0 {
		t.Errorf("%d fingerprints are left", n)
	}
	if n := f.d.Changelog() - before; n > 1 {
		t.Errorf("%d changes were logged: what expires by age needs none", n)
	}
}

// Defends identity: who identifies, links the anonymous id to the customer.
func TestIdentityLink(t *testing.T) {
	f := newFixture(t)
	e := order("1")
	e.Type = customerIdentified
	if v := f.feed(e, otherTopic, f.value(12, map[string]any{"plan": "p"}), streamtest.Day); !v.OK() {
		t.Fatal(v)
	}
	var link processed.IdentityLink
	for _, o := range streamtest.Commit(t, f.d) {
		if o.Topic == processed.IdentityLinkTopic {
			if err := o.Decode(&link); err != nil || o.Key != "anon-1" {
				t.Errorf("key %q, %v", o.Key, err)
			}
		}
	}
	want := processed.IdentityLink{AnonymousID: "anon-1", Customer: "ann", LinkedTime: e.Time}
	if diff := cmp.Diff(want, link); diff != "" {
		t.Errorf("the link differs (-want +have):\n%s", diff)
	}
}

// Defends that a customer whom the sender names is never taken for an anonymous
// id, and that nobody is linked to himself.
func TestNamedCustomerIsNotAnonymous(t *testing.T) {
	f := newFixture(t)
	for i, c := range []struct{ subject, anonymous, want string }{
		{"ann", "ann", ""}, {"ann", "anon-1", "anon-1"}, {"", "anon-1", "anon-1"}, {"ann", "", ""},
	} {
		e := order(strconv.Itoa(i))
		e.Type, e.Subject, e.AnonymousID = customerIdentified, c.subject, c.anonymous
		if v := f.feed(e, otherTopic, f.value(12, map[string]any{"plan": "p"}), streamtest.Day); !v.OK() {
			t.Fatal(v)
		}
		links := 0
		for _, o := range streamtest.Commit(t, f.d) {
			var got processed.CustomerEvent
			switch o.Topic {
			case processed.IdentityLinkTopic:
				links++
			case processed.CustomerEventTopic:
				if err := o.Decode(&got); err != nil || cmp.Diff(event.Optional(c.want), got.AnonymousID) != "" {
					t.Errorf("%+v: anonymous id %v, %v", c, got.AnonymousID, err)
				}
			}
		}
		if want := map[bool]int{true: 1}[c.subject != "" && c.want != ""]; links != want {
			t.Errorf("%+v: %d links, want %d", c, links, want)
		}
	}
}

// Defends dedupe against any stream of ids, batching, abort and restart: each
// (type, source, id) is written once.
func TestEachIDIsWrittenOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		value := f.value(11, map[string]any{"order_id": "o", "total": nil, "note": ""})
		ids := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 60).Draw(rt, "ids")
		seen, written, pending := make(map[int]bool), make(map[string]int), 0
		take := func(to int) {
			for _, o := range streamtest.Commit(t, f.d) {
				written[o.Header("ce_id")]++
			}
			for _, id := range ids[pending:to] {
				seen[id] = true
			}
			pending = to
		}
		for i := 0; i < len(ids); i++ {
			switch rapid.IntRange(0, 9).Draw(rt, "between") {
			case 0, 1, 2:
				take(i)
			case 3:
				if err := f.d.Abort(); err != nil {
					rt.Fatal(err)
				}
				i = pending
			case 4:
				if err := f.d.Restart(); err != nil {
					rt.Fatal(err)
				}
				i = pending
			}
			f.feed(order(strconv.Itoa(ids[i])), orderTopic, value, streamtest.Day)
		}
		take(len(ids))
		for id := range seen {
			if n := written[strconv.Itoa(id)]; n != 1 {
				rt.Fatalf("id %d was written %d times", id, n)
			}
		}
	})
}

// Defends the probe: no bytes make it panic or take what is not a whole record.
func FuzzProbe(f *testing.F) {
	schema, err := event.CompileSchema(1, orderV2)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{2, 'o', 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		value := append([]byte{0, 0, 0, 0, 1}, body...)
		_, err := newProbes().read(schema, "total", value)
		var whole map[string]any
		if fullErr := schema.Decode(value, &whole); (fullErr == nil) != (err == nil) {
			if total, ok := whole["total"].(float64); ok && (math.IsNaN(total) || math.Abs(total) >= 1e12) {
				return // decodes, but is no amount
			}
			if fullErr != nil && bytes.Contains([]byte(fullErr.Error()), []byte("UTF-8")) {
				return // the probe skips text
			}
			t.Errorf("the probe says %v, a full decode %v", err, fullErr)
		}
	})
}
