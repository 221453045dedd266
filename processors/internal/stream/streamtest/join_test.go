package streamtest_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/processors/internal/stream/streamtest"
	"headwater.internal/platform/schemas/processed"
)

// join keeps the latest event and the latest plan of a customer beside each
// other, and forgets each ten minutes after its receipt: two co-partitioned
// inputs, one entry per customer, a timer.
type join struct{}

const planSchema = `{"type":"record","name":"Plan","namespace":"test","fields":[
	{"name":"name","type":"string"},
	{"name":"since","type":{"type":"long","logicalType":"timestamp-millis"}}]}`

type plan struct {
	Name  string    `avro:"name"`
	Since time.Time `avro:"since"`
}

var joinSpec = stream.Spec{
	Name: "join",
	Reads: []stream.Source{
		{Topic: processed.CustomerEventTopic, Schema: processed.CustomerEventSchema},
		{Topic: "plans", Schema: planSchema, Stage: "join.plans"},
	},
	Writes: []stream.Sink{{Topic: "joined", Schema: `"string"`, SamePartition: true}},
	State:  stream.State{Topic: "state.join", Version: 1},
}

// half is what one input said last, by event time: not by arrival, which is in
// no fixed order.
type half struct {
	Text     string
	At       time.Time
	Received time.Time
}

type both [2]half // event, plan

func (join) Apply(tx *stream.Tx, in *stream.Input) stream.Verdict {
	side, now := 0, half{Received: in.Received}
	if in.Topic == "plans" {
		side = 1
	}
	switch {
	case in.Value == nil: // no plan any more
		now.At = in.Received
	case side == 1:
		var p plan
		if v := in.Decode(&p); !v.OK() {
			return v
		}
		now.Text, now.At = p.Name, p.Since
	default:
		var e processed.CustomerEvent
		if v := in.Decode(&e); !v.OK() {
			return v
		}
		now.Text, now.At = e.ID, e.Time
	}
	if expired(now, tx.Clock()) {
		return stream.Late
	}
	b := parse(tx.Get(in.Key), tx.Clock())
	if !b[side].At.After(now.At) {
		b[side] = now
		b.put(tx, in.Key)
	}
	return stream.Applied
}

func expired(h half, clock time.Time) bool { return !h.Received.Add(10 * time.Minute).After(clock) }

// parse reads an entry as it is at a time: a timer may not have fired yet.
func parse(value []byte, clock time.Time) (b both) {
	_ = json.Unmarshal(value, &b) // zero where there is no entry
	for i, h := range b {
		if expired(h, clock) {
			b[i] = half{}
		}
	}
	return b
}

func (b both) put(tx *stream.Tx, key []byte) {
	if b == (both{}) {
		tx.Delete(key)
		tx.Upsert("joined", key, nil) // Seal is not shown what was deleted
		return
	}
	value, _ := json.Marshal(b)
	tx.Put(key, value)
}

// Due is when the half that was received first is forgotten.
func (join) Due(_, value []byte) (due time.Time, ok bool) {
	for _, h := range parse(value, time.Time{}) {
		if at := h.Received.Add(10 * time.Minute); !h.Received.IsZero() && (!ok || at.Before(due)) {
			due, ok = at, true
		}
	}
	return due, ok
}

func (join) Wake(tx *stream.Tx, key, value []byte) { parse(value, tx.Clock()).put(tx, key) }

func (join) Seal(tx *stream.Tx) {
	for key, value := range tx.Changed(nil) {
		b := parse(value, time.Time{})
		tx.Upsert("joined", key, fmt.Sprintf("%q with plan %q", b[0].Text, b[1].Text))
	}
}

func printJoined(tb testing.TB, o stream.Output) string {
	text := "nothing"
	if o.Value != nil {
		if err := o.Decode(&text); err != nil {
			tb.Fatal(err)
		}
	}
	return o.Key + " " + text
}

// Defends scripts against being of use for customer events alone: a join of two
// inputs, its tombstones and its timers are told by one.
func TestJoin(t *testing.T) {
	streamtest.Script{Spec: joinSpec, Rule: join{}, Print: printJoined}.Run(t)
}

// Defends chains of processors in tests: a value that one driver wrote, or that
// Record made of a struct or of JSON, is read alike by another.
func TestRecordsOfAnyTopic(t *testing.T) {
	at := streamtest.Day.Add(10 * time.Hour)
	asker := joinSpec
	asker.Name = "ask"
	asker.Reads = []stream.Source{{Topic: "joined", Schema: `"string"`}}
	asker.Writes = []stream.Sink{{Topic: "asked", Schema: `"string"`}}
	var have []string
	for _, value := range []any{&plan{Name: "gold", Since: at}, jsontext.Value(`{"name":"gold","since":"2026-03-01T10:00:00Z"}`)} {
		l := streamtest.NewLookups(t)
		first := streamtest.Driver(t, joinSpec, join{}, l, 0)
		streamtest.Feed(t, first, l.Record(t, "plans", "ann", value, at))
		second := streamtest.Driver(t, asker, repeat{}, streamtest.NewLookups(t), 0)
		for _, o := range streamtest.Commit(t, first) {
			if v := streamtest.Feed(t, second, o.Input(at)); !v.OK() {
				t.Fatal(v)
			}
		}
		for _, o := range streamtest.Commit(t, second) {
			have = append(have, printJoined(t, o))
		}
	}
	want := []string{`ann "" with plan "gold"`, `ann "" with plan "gold"`}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("read by the second processor (-want +have):\n%s", diff)
	}
}

// repeat writes the text that it reads.
type repeat struct{}

func (repeat) Apply(tx *stream.Tx, in *stream.Input) stream.Verdict {
	var text string
	if v := in.Decode(&text); !v.OK() {
		return v
	}
	tx.Upsert("asked", in.Key, text)
	return stream.Applied
}
