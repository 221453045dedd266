package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/processors/internal/stream/streamtest"
	"headwater.internal/platform/schemas/processed"
)

// Defends what headwater state shows of an event type: its windows and no other
// type's, the largest last.
func TestReadShowsWindows(t *testing.T) {
	lookups := streamtest.NewLookups(t)
	d := streamtest.Driver(t, spec, newRule(streamtest.Settings(t)), lookups, 3)
	for _, kind := range []string{"x.y", "x.z"} {
		e := processed.CustomerEvent{ID: kind, Source: "test", Type: kind, Customer: "ann", Time: streamtest.Day}
		streamtest.Feed(t, d, lookups.CustomerEvent(t, &e, streamtest.Day))
	}
	streamtest.Commit(t, d)
	for key, events := range map[string]int64{"x.y": 1, "*": 2} {
		held, err := d.Read(key)
		if err != nil {
			t.Fatal(err)
		}
		var lengths []string
		for _, w := range held.(typeState).Windows {
			lengths = append(lengths, w.Window)
			if w.Events != events || w.UniqueCustomers != 1 {
				t.Errorf("%s counts %+v, want %d events", key, w, events)
			}
		}
		if diff := cmp.Diff([]string{"minute", "hour", "day", "all_time"}, lengths); diff != "" {
			t.Errorf("windows of %s: %s", key, diff)
		}
	}
	if held, err := d.Read("x"); held != nil || err != nil {
		t.Errorf("a type that nobody sent: %v, %v", held, err)
	}
}
