package main

import (
	"strings"
	"testing"

	"headwater.internal/platform/processors/internal/stream/streamtest"
)

// Defends what headwater state shows of an event: that it was seen, by the same
// fingerprint that finds duplicates, and how to write its key.
func TestReadShowsSeen(t *testing.T) {
	f := newFixture(t)
	e := order("1")
	held, err := f.d.Read(e.Type + " " + e.Source + " " + e.ID)
	if held != nil || err != nil {
		t.Errorf("before it came: %v, %v", held, err)
	}
	f.feed(e, orderTopic, f.value(11, map[string]any{"order_id": "o1", "total": 1.0, "note": "x"}), streamtest.Day)
	streamtest.Commit(t, f.d)
	if held, err = f.d.Read(e.Type + " " + e.Source + " " + e.ID); err != nil || !held.(seenState).Seen {
		t.Errorf("after it came: %v, %v", held, err)
	}
	if _, err := f.d.Read("checkout.order_placed"); err == nil || !strings.Contains(err.Error(), "blanks") {
		t.Errorf("half a key: %v", err)
	}
}
