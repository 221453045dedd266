package stream

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Defends what operators read: every metric that a task exports stands in
// docs/metrics.md with its type, has a help text, and the table names no other.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `(headwater_stream_[a-z0-9_]+)` \\| ([a-z]+) \\|").FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = row[2]
	}
	m := newMetrics("tally")
	// Vectors are exported once they have a child.
	m.process.WithLabelValues("applied")
	m.produced.WithLabelValues("tallies")
	m.aborts.WithLabelValues("rebalance")
	m.stopped.WithLabelValues(stoppedOutOfRange, "raw.a", "0")
	m.stalled.WithLabelValues("raw.a", "0")
	m.setStandby(0, 0)
	m.setLag(topicPartition{"raw.a", 0}, 0)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		name := f.GetName()
		if !strings.HasPrefix(name, "headwater_") {
			continue // of Go and of the process
		}
		if f.GetHelp() == "" {
			t.Errorf("%s has no help text", name)
		}
		if want := strings.ToLower(f.GetType().String()); documented[name] != want {
			t.Errorf("docs/metrics.md says %q of %s, which is a %s", documented[name], name, want)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("docs/metrics.md lists %s, which no task exports", name)
	}
}
