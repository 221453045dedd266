package schemas_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/internal/event"
)

// The day that a new platform plays shows each event at least once, repeats ten
// and has six that are refused, each for its own reason: what the first screen
// says must be what the file holds.
func TestBundledSample(t *testing.T) {
	schemas := map[string]*event.Schema{}
	domains := map[string]bool{} // that the sample has not shown yet
	for _, s := range sources(t) {
		if tiers[s.domain] {
			continue
		}
		compiled, err := event.CompileSchema(1, s.text)
		if err != nil {
			t.Fatalf("%s: %v", s.path, err)
		}
		schemas[s.domain+"."+s.name] = compiled
		domains[s.domain] = true
	}
	seen, repeated := map[string]string{}, 0
	var refused []string
	for line := range strings.Lines(read(t, "../environments/local/sample.ndjson")) {
		var e struct {
			ID, Source, Type, Subject, AnonymousID string
			Data                                   json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if e.Subject == "" && e.AnonymousID == "" {
			t.Errorf("event %s is nobody's", e.ID)
		}
		if reason := refusal(schemas, e.ID, e.Type, e.Data); reason != "" {
			refused = append(refused, reason)
			continue
		}
		domain, _, _ := strings.Cut(e.Type, ".")
		delete(domains, domain)
		if before, again := seen[e.Source+e.ID]; again && before == line {
			repeated++
		} else if again {
			t.Errorf("event %s comes twice with different content", e.ID)
		}
		seen[e.Source+e.ID] = line
	}
	want := []string{"unknown type", "/total type", "/product_id required", "/colour additionalProperties", "/priority enum", "no id"}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if repeated != 10 || len(domains) > 0 {
		t.Errorf("%d events are repeated, want 10; the sample shows nothing of %v", repeated, domains)
	}
	t.Logf("%d different events are accepted", len(seen))
}

// refusal is why the collector would refuse the event, or empty.
func refusal(schemas map[string]*event.Schema, id, eventType string, data json.RawMessage) string {
	schema := schemas[eventType]
	switch {
	case id == "":
		return "no id"
	case schema == nil:
		return "unknown type"
	}
	var reasons []string
	_, violations := schema.EncodeJSON(nil, jsontext.Value(data))
	for _, v := range violations {
		reasons = append(reasons, v.Pointer+" "+v.Rule)
	}
	return strings.Join(reasons, ", ")
}
