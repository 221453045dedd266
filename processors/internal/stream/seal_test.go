package stream

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lateWriter appends where there is no record at hand: in Wake and in Seal.
type lateWriter struct{ topic string }

var lateSpec = Spec{
	Name:  "late",
	Reads: []Source{{Topic: "in"}},
	Writes: []Sink{
		{Topic: "kept", Schema: `"string"`, KeepsReceipt: true},
		{Topic: "now", Schema: `"string"`},
	},
	State: State{Topic: "state.late", Version: 1},
}

func (w lateWriter) Apply(tx *Tx, in *Input) Verdict {
	due := in.Received.Add(time.Minute)
	tx.Put(in.Key, binary.BigEndian.AppendUint64(nil, uint64(due.UnixMilli())))
	return Applied
}

func (w lateWriter) Due(_, value []byte) (time.Time, bool) {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(value))), true
}

func (w lateWriter) Wake(tx *Tx, key, _ []byte) {
	tx.Delete(key)
	_ = tx.Append(w.topic, key, "woken", nil)
}

func (w lateWriter) Seal(tx *Tx) {
	for key := range tx.Changed(nil) {
		_ = tx.Append(w.topic, key, "sealed", nil)
	}
}

func newLateDriver(t *testing.T, topic string) *Driver {
	t.Helper()
	d, err := NewDriver(lateSpec, lateWriter{topic}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// Defends what Wake and Seal append: it is written, counted, and has the clock
// for a timestamp where the receipt is kept, so that no reader's clock leaps.
func TestWakeAndSealAppend(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		topic     string
		timestamp time.Time
	}{{"kept", at}, {"now", time.Time{}}} {
		d := newLateDriver(t, c.topic)
		var have []string
		step := func(err error) {
			t.Helper()
			outputs, commitErr := d.Commit()
			if err := errors.Join(err, commitErr); err != nil {
				t.Fatal(err)
			}
			for _, o := range outputs {
				if o.Topic == LedgerTopic {
					have = append(have, string(o.Value))
					continue
				}
				var text string
				if err := o.Decode(&text); err != nil {
					t.Fatal(err)
				}
				have = append(have, o.Key+" "+text)
				if want := c.timestamp; !want.IsZero() && !o.Timestamp.Equal(d.Clock()) || want.IsZero() && !o.Timestamp.IsZero() {
					t.Errorf("%s %s has the timestamp %s at %s", o.Key, text, o.Timestamp, d.Clock())
				}
			}
		}
		_, err := d.Feed(Input{Topic: "in", Key: []byte("k"), Received: at})
		step(err)
		step(d.Advance(at.Add(time.Minute)))
		want := []string{
			"k sealed",
			`{"stage":"late","partition":0,"minute":"2026-03-01T10:00:00Z","in":1,"applied":1,"duplicate":0,"late":0,"dead_lettered":{},"out":1}`,
			"k woken",
			`{"stage":"late","partition":0,"minute":"2026-03-01T10:01:00Z","in":0,"applied":0,"duplicate":0,"late":0,"dead_lettered":{},"out":1}`,
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s (-want +have):\n%s", c.topic, diff)
		}
	}
}

// Defends against outputs that vanish: what Seal cannot append stops the
// transaction, what Wake cannot sets the timer aside, though neither looks at
// the error.
func TestRefusedAppendIsNotLost(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	d := newLateDriver(t, "undeclared")
	if _, err := d.Feed(Input{Topic: "in", Key: []byte("k"), Received: at}); err != nil {
		t.Fatal(err)
	}
	var fault *sealError
	if _, err := d.Commit(); !errors.As(err, &fault) {
		t.Errorf("Commit answers %v, not that the transaction cannot be sealed", err)
	}

	d = newLateDriver(t, "undeclared")
	d.p.sealer = nil
	if _, err := d.Feed(Input{Topic: "in", Key: []byte("k"), Received: at}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := d.Advance(at.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	outputs, err := d.Commit()
	if err != nil || len(outputs) == 0 || outputs[0].Topic != DeadLetterTopic || d.Keys([]byte("k")) != 1 {
		t.Errorf("the timer left %d entries and wrote %v, %v", d.Keys([]byte("k")), outputs, err)
	}
}
