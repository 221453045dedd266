package stream

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// brittleRule counts like tallyRule and cannot seal a transaction that touched
// the key "bomb", nor write what the key "large" says.
type brittleRule struct{ tallyRule }

func (r *brittleRule) Apply(tx *Tx, in *Input) Verdict {
	switch string(in.Key) {
	case "large":
		tx.Upsert("tallies", in.Key, &tally{Key: strings.Repeat("x", 2*maxRecordBytes)})
		return Applied
	case "heavy":
		tx.Put(in.Key, make([]byte, 2*maxRecordBytes))
		return Applied
	case "stranger":
		tx.Upsert("no-such-output", in.Key, nil)
		return Applied
	}
	return r.tallyRule.Apply(tx, in)
}

func (r *brittleRule) Seal(tx *Tx) {
	for key := range tx.Changed([]byte("bomb")) {
		panic("told to by " + string(key))
	}
}

// Defends the partition against what only shows at the end of a transaction: a
// panic in Seal, an output or an entry over the limit, an output nobody
// declared. The record to blame becomes a dead letter, all others count once.
func TestRecordThatCannotBeSealedIsFound(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	bad := []string{"bomb", "large", "heavy", "stranger"}
	var sent []*kgo.Record
	for i := range 200 {
		sent = append(sent, onPartition(number("raw.a", "a", i), 0), onPartition(number("raw.a", "b", i), 1))
		if i%50 == 25 {
			sent = append(sent, onPartition(number("raw.a", bad[i/50], i), 0))
		}
	}
	p.produce(sent...)
	r := p.start(tallySpec, &brittleRule{}, 0, nil)
	p.checkCopies(map[string]int{"a": 200, "b": 200})
	dead := p.read(DeadLetterTopic, func(l []*kgo.Record) bool { return len(l) >= len(bad) })
	found := make(map[string]int)
	for _, d := range dead {
		if class := headerOf(d, headerClass); class != string(RuleError) {
			t.Errorf("%s is a dead letter of class %s", d.Key, class)
		}
		found[string(d.Key)]++
	}
	for _, key := range bad {
		if found[key] != 1 {
			t.Errorf("%s is %d dead letters, want 1", key, found[key])
		}
	}
	select {
	case err := <-r.done:
		t.Errorf("the task ended: %v", err)
	default:
	}
	if why := r.t.halts.stopped(); why != "" {
		t.Errorf("it stopped: %s", why)
	}
}

// sealBreaker cannot seal anything on partition 0.
type sealBreaker struct{ tallyRule }

func (*sealBreaker) Seal(tx *Tx) {
	if tx.Partition() == 0 {
		panic("told to")
	}
}

// Defends the task against a rule that can seal nothing: the partition stops
// with an alert, loses nothing and skips nothing, and the others go on.
func TestPartitionThatCannotBeSealedStops(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	p.produce(onPartition(number("raw.a", "a", 1), 0), onPartition(number("raw.a", "b", 1), 1))
	r := p.start(tallySpec, &sealBreaker{}, 0, nil)
	eventually(t, "the partition stops", func() bool {
		return value(t, r, "headwater_stream_stopped", "reason", stoppedUnwritable, "topic", "raw.a", "partition", "0") == 1
	})
	p.produce(onPartition(number("raw.a", "b", 2), 1))
	p.checkCopies(map[string]int{"b": 2})
	r.drain(t)
	p.start(tallySpec, &tallyRule{}, 0, nil) // a build that mends it
	p.checkCopies(map[string]int{"a": 1, "b": 2})
}

// touchyRule is an echoRule that fails on one key until it is mended.
type touchyRule struct {
	echoRule

	mended *bool
}

func (r touchyRule) Wake(tx *Tx, key, value []byte) {
	if string(key) == "bomb" && !*r.mended {
		tx.Delete(key) // must be taken back
		panic("told to")
	}
	r.echoRule.Wake(tx, key, value)
}

// Defends the partition against a timer that its rule fails on: it is set aside
// with its state in one dead letter, over restarts too, the others fire, and it
// fires itself once the rule is mended.
func TestTimerThatFailsIsSetAside(t *testing.T) {
	t.Parallel()
	mended := false
	d, err := NewDriver(echoSpec, touchyRule{mended: &mended}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, key := range []string{"bomb", "good"} {
		if _, err := d.Feed(Input{Topic: "raw.a", Key: []byte(key), Value: []byte("v"), Received: at}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Commit(); err != nil {
		t.Fatal(err)
	}
	advance := func(by time.Duration) (echoes, dead []Output) {
		t.Helper()
		at = at.Add(by)
		if err := d.Advance(at); err != nil {
			t.Fatal(err)
		}
		outs, err := d.Commit()
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range outs {
			switch o.Topic {
			case "echoes":
				echoes = append(echoes, o)
			case DeadLetterTopic:
				dead = append(dead, o)
			}
		}
		return echoes, dead
	}
	echoes, dead := advance(3 * time.Second)
	if len(echoes) != 1 || echoes[0].Key != "good" {
		t.Errorf("%d echoes came, want that of good", len(echoes))
	}
	if len(dead) != 1 || dead[0].Key != "bomb" || len(dead[0].Value) == 0 ||
		dead[0].Header(headerClass) != string(RuleError) || dead[0].Header(headerTopic) != "" {
		t.Fatalf("the dead letters are %+v, want one of bomb with its state and no topic to send it to", dead)
	}
	if tx := d.p.open(); bytes.Equal(tx.Get([]byte("bomb")), nil) {
		t.Error("what the rule did before it panicked was kept")
	}
	for range 3 {
		if echoes, dead := advance(2 * parkedRetry); len(echoes)+len(dead) > 0 {
			t.Errorf("%d echoes and %d dead letters came of a timer that is set aside", len(echoes), len(dead))
		}
		if err := d.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	mended = true
	if echoes, _ := advance(2 * parkedRetry); len(echoes) != 1 || echoes[0].Key != "bomb" {
		t.Errorf("%d echoes came of the mended timer, want 1", len(echoes))
	}
	if echoes, dead := advance(2 * parkedRetry); len(echoes)+len(dead) > 0 {
		t.Error("the timer fired twice")
	}
	if d.p.findParked() {
		t.Error("the mark outlived what it marked")
	}
}
