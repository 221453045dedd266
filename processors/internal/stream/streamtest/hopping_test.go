package streamtest_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/processors/internal/stream/streamtest"
	"headwater.internal/platform/processors/internal/window"
	"headwater.internal/platform/schemas/processed"
)

// hourly counts a customer's events in windows of an hour that begin each
// quarter: a whole processor, as a rule author writes one.
type hourly struct{ windows window.Hopping }

var hourlySpec = stream.Spec{
	Name:   "hourly",
	Reads:  []stream.Source{{Topic: processed.CustomerEventTopic, Schema: processed.CustomerEventSchema}},
	Writes: []stream.Sink{{Topic: "hourly", Schema: `"long"`}},
	State:  stream.State{Topic: "state.hourly", Version: 1},
}

func (h hourly) Apply(tx *stream.Tx, in *stream.Input) stream.Verdict {
	var e processed.CustomerEvent
	if v := in.Decode(&e); !v.OK() {
		return v
	}
	for start := range h.windows.Starts(e.Time.UnixMilli()) {
		k := binary.BigEndian.AppendUint64([]byte(e.Customer+"/"), uint64(start))
		n, _ := binary.Varint(tx.Get(k))
		tx.Put(k, binary.AppendVarint(nil, n+1))
		tx.Upsert("hourly", fmt.Append(nil, e.Customer, "/", time.UnixMilli(start).UTC().Format("15:04")), n+1)
	}
	return stream.Applied
}

// Defends that hopping windows work in a processor: an event counts in each
// window that holds it, over restarts, and in no other.
func TestHoppingWindows(t *testing.T) {
	lookups := streamtest.NewLookups(t)
	d := streamtest.Driver(t, hourlySpec, hourly{window.Hopping{Length: time.Hour, Hop: 15 * time.Minute}}, lookups, 0)
	latest := map[string]int64{}
	for i, minute := range []int{14, 15, 59, 14} {
		e := &processed.CustomerEvent{ID: fmt.Sprint(i), Customer: "ann", Time: streamtest.Day.Add(10*time.Hour + time.Duration(minute)*time.Minute)}
		streamtest.Feed(t, d, lookups.CustomerEvent(t, e, streamtest.Day))
		for _, o := range streamtest.Commit(t, d) {
			var n int64
			if err := o.Decode(&n); err != nil {
				t.Fatal(err)
			}
			latest[o.Key] = n
		}
		if err := d.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	var have []string
	for k, n := range latest {
		have = append(have, fmt.Sprint(strings.TrimPrefix(k, "ann/"), " ", n))
	}
	slices.Sort(have)
	want := []string{"09:15 2", "09:30 3", "09:45 3", "10:00 4", "10:15 2", "10:30 1", "10:45 1"}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("windows (-want +have):\n%s", diff)
	}
}
