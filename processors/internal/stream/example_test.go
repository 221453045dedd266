// Roll counts each customer's events in windows of an hour that begin every
// quarter of an hour.
package stream_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/processors/internal/stream/streamtest"
	"headwater.internal/platform/processors/internal/window"
	"headwater.internal/platform/schemas/processed"
)

// What `make generate` would write from schemas/aggregates/rolling_counts.avsc.
const (
	rollingTopic  = "aggregates.rolling-counts"
	rollingSchema = `{"type":"record","name":"RollingCount","namespace":"aggregates","fields":[
		{"name":"customer","type":"string"},
		{"name":"start","type":{"type":"long","logicalType":"timestamp-millis"}},
		{"name":"events","type":"long"},
		{"name":"final","type":"boolean"}]}`
)

type rollingCount struct {
	Customer string    `avro:"customer"`
	Start    time.Time `avro:"start"`
	Events   int64     `avro:"events"`
	Final    bool      `avro:"final"`
}

var rollSpec = stream.Spec{
	Name:   "roll",
	About:  "counts each customer's events of the last hour.",
	Reads:  []stream.Source{{Topic: processed.CustomerEventTopic, Schema: processed.CustomerEventSchema}},
	Writes: []stream.Sink{{Topic: rollingTopic, Schema: rollingSchema, SamePartition: true}},
	State:  stream.State{Topic: "state.roll", Version: 1},
}

// roll keeps one entry per window and customer: key start + customer, value count.
type roll struct {
	windows window.Hopping
	grace   time.Duration
}

func newRoll(s *stream.Settings) stream.Rule {
	return roll{
		windows: window.Hopping{Length: time.Hour, Hop: 15 * time.Minute},
		grace:   s.Duration("HEADWATER_GRACE", time.Minute, "a window is final this long after its end"),
	}
}

// Apply counts an event in its windows that are still open.
func (r roll) Apply(tx *stream.Tx, in *stream.Input) stream.Verdict {
	var e processed.CustomerEvent
	if v := in.Decode(&e); !v.OK() {
		return v
	}
	verdict := stream.Late
	for start := range r.windows.Starts(e.Time.UnixMilli()) {
		if !r.closes(start).After(tx.Clock()) {
			continue
		}
		k := rollKey(start, e.Customer)
		tx.Put(k, binary.AppendVarint(nil, count(tx.Get(k))+1))
		verdict = stream.Applied
	}
	return verdict
}

// Due is when a window closes.
func (r roll) Due(k, _ []byte) (time.Time, bool) {
	start, _ := parseRollKey(k)
	return r.closes(start), true
}

// Wake publishes a window that has closed for the last time and forgets it.
func (r roll) Wake(tx *stream.Tx, k, value []byte) {
	publish(tx, k, value, true)
	tx.Delete(k)
}

// Seal publishes each window that changed, once per transaction.
func (r roll) Seal(tx *stream.Tx) {
	for k, value := range tx.Changed(nil) {
		publish(tx, k, value, false)
	}
}

func (r roll) closes(start int64) time.Time {
	return time.UnixMilli(r.windows.End(start)).Add(r.grace)
}

func publish(tx *stream.Tx, k, value []byte, final bool) {
	start, customer := parseRollKey(k)
	at := time.UnixMilli(start).UTC()
	tx.Upsert(rollingTopic, []byte(customer+"/"+at.Format(time.RFC3339)),
		&rollingCount{Customer: customer, Start: at, Events: count(value), Final: final})
}

// rollKey sorts by time, before 1970 too: the sign bit is flipped.
func rollKey(start int64, customer string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(start)^1<<63), customer...)
}

func parseRollKey(k []byte) (start int64, customer string) {
	return int64(binary.BigEndian.Uint64(k) ^ 1<<63), string(k[8:])
}

func count(value []byte) int64 {
	n, _ := binary.Varint(value)
	return n
}

// Defends the rule as testdata/roll.txt tells it: windows, finality, lateness.
func TestRoll(t *testing.T) {
	streamtest.Script{Spec: rollSpec, Rule: newRoll(streamtest.Settings(t)), Print: printRolling}.Run(t)
}

func printRolling(tb testing.TB, o stream.Output) string {
	var c rollingCount
	if err := o.Decode(&c); err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("%s events=%d final=%t", o.Key, c.Events, c.Final)
}
