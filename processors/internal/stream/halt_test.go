package stream

import (
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// value is the metric with that name and those labels, -1 when there is none.
func value(tb testing.TB, r *running, name string, labels ...string) float64 {
	tb.Helper()
	families, err := r.t.metrics.registry.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if hasLabels(m, labels) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

func hasLabels(m *dto.Metric, labels []string) bool {
	have := make(map[string]string)
	for _, l := range m.GetLabel() {
		have[l.GetName()] = l.GetValue()
	}
	for i := 0; i < len(labels); i += 2 {
		if have[labels[i]] != labels[i+1] {
			return false
		}
	}
	return true
}

// Defends against silent loss: a partition whose records were deleted before the
// group took them stops, says so in metric, readiness and log, and starts
// nowhere else; the other partitions go on, and so does the whole once an
// operator has moved the offset.
func TestOffsetOutOfRangeStopsThePartition(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	both := func(n int) {
		for i := range n {
			p.produce(onPartition(number("raw.a", "a", i), 0), onPartition(number("raw.a", "b", i), 1))
		}
	}
	both(10)
	p.checkCopies(map[string]int{"a": 10, "b": 10})
	r.drain(t)
	both(10)
	admin := kadm.NewClient(p.client)
	var upTo kadm.Offsets
	upTo.Add(kadm.Offset{Topic: "raw.a", Partition: 0, At: 15})
	if _, err := admin.DeleteRecords(t.Context(), upTo); err != nil {
		t.Fatal(err)
	}

	r = p.start(tallySpec, &tallyRule{}, 0, nil)
	p.checkCopies(map[string]int{"a": 10, "b": 20})
	eventually(t, "the alert is set", func() bool {
		return value(t, r, "headwater_stream_stopped", "reason", "offset_out_of_range", "topic", "raw.a", "partition", "0") == 1
	})
	t.Logf("readiness says: %s", r.t.halts.stopped())
	for _, part := range []string{"raw.a/0", "is at offset 10", "its log has 15 to 19", "headwater skip", "headwater reset"} {
		if why := r.t.halts.stopped(); !strings.Contains(why, part) {
			t.Errorf("readiness says %q, want %q in it", why, part)
		}
	}
	both(1)
	p.checkCopies(map[string]int{"a": 10, "b": 21})
	r.drain(t)
}

func onPartition(r *kgo.Record, partition int32) *kgo.Record {
	r.Partition = partition
	return r
}

// Defends the first start: where nothing was committed a topic is read from the
// earliest event that it has.
func TestStartsAtTheEarliestOffsetWithoutACommit(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 1, "raw.a")
	for i := range 10 {
		p.produce(number("raw.a", "a", i))
	}
	var upTo kadm.Offsets
	upTo.Add(kadm.Offset{Topic: "raw.a", Partition: 0, At: 4})
	if _, err := kadm.NewClient(p.client).DeleteRecords(t.Context(), upTo); err != nil {
		t.Fatal(err)
	}
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	p.checkCopies(map[string]int{"a": 6})
	if why := r.t.halts.stopped(); why != "" {
		t.Errorf("it stopped: %s", why)
	}
}
