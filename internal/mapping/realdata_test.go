package mapping_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/mapping"
)

const dataDir = "../../../shared/data"

// realFile maps one of the real files with the mapping that the documentation
// shows and checks every event against its declared schema.
func realFile(t *testing.T, mappingName, file string) []mapping.Result {
	t.Helper()
	opened, err := os.Open(filepath.Join(dataDir, file))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is not here: the real files are beside the repository where there are any", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	path := filepath.Join("../../docs/mappings", mappingName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.Load(path, text)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := mapping.Open(opened, file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Reader(plain)
	if err != nil {
		t.Fatal(err)
	}
	var events []mapping.Result
	for {
		result, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch result.Outcome {
		case mapping.Mapped:
			events = append(events, result)
		case mapping.Refused:
			t.Errorf("line %d is refused: %s: %s", result.Line, result.Reason, result.Detail)
		case mapping.Skipped:
			if result.Reason != "header" {
				t.Errorf("line %d is skipped: %s", result.Line, result.Reason)
			}
		}
	}
	checkSchemas(t, events)
	return events
}

func checkSchemas(t *testing.T, events []mapping.Result) {
	t.Helper()
	schemas := map[string]*event.Schema{}
	for _, r := range events {
		name := r.Event.Type
		if schemas[name] == nil {
			text, err := os.ReadFile("../../schemas/" + strings.ReplaceAll(name, ".", "/") + ".avsc")
			if err != nil {
				t.Fatal(err)
			}
			if schemas[name], err = event.CompileSchema(1, string(text)); err != nil {
				t.Fatal(err)
			}
		}
		if _, violations := schemas[name].EncodeJSON(nil, r.Event.Data); len(violations) > 0 {
			t.Fatalf("line %d does not fit the schema of %s: %v\n%s", r.Line, name, violations, r.Event.Data)
		}
	}
}

type facts struct {
	Events, IDs, Customers int
	Types                  map[string]int
}

func factsOf(events []mapping.Result) facts {
	ids, customers := map[string]bool{}, map[string]bool{}
	f := facts{Events: len(events), Types: map[string]int{}}
	for _, r := range events {
		ids[r.Event.ID], customers[r.Event.Customer] = true, true
		f.Types[r.Event.Type]++
	}
	f.IDs, f.Customers = len(ids), len(customers)
	return f
}

func at(r mapping.Result) string { return r.Event.Time.Format("2006-01-02T15:04:05Z07:00") }

// Defends the mapping of a real access log: all lines, one cut off in its last
// field, identical lines as separate events, one client one visitor.
func TestWebAccess(t *testing.T) {
	events := realFile(t, "web_access.yaml", "web_access.log.gz")
	want := facts{Events: 10_000, IDs: 10_000, Customers: 1_753, Types: map[string]int{"browsing.page_viewed": 10_000}}
	if diff := cmp.Diff(want, factsOf(events)); diff != "" {
		t.Fatal(diff)
	}
	first := `{"path":"/presentations/logstash-monitorama-2013/images/kibana-search.png","referrer":"http://semicomplete.com/presentations/logstash-monitorama-2013/","user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36","ip":"83.149.9.216","method":"GET","status":200,"bytes":203023}`
	if e := events[0]; at(e) != "2015-05-17T10:05:03Z" || e.Event.Customer != "83.149.9.216" || string(e.Event.Data) != first {
		t.Errorf("line 1: %+v\n%s", e, e.Event.Data)
	}
	cut := `{"path":"/scripts/grok-py-test/configlib.py","user_agent":"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html","ip":"46.118.127.106","method":"GET","status":200,"bytes":235}`
	if e := events[8898]; e.Line != 8899 || string(e.Event.Data) != cut {
		t.Errorf("line 8899: %s", e.Event.Data)
	}
	sessions := 0
	seen := map[string][]int64{}
	for _, r := range events {
		seen[r.Event.Customer] = append(seen[r.Event.Customer], r.Event.Time.Unix())
	}
	for _, times := range seen {
		sessions += countSessions(times, 1800)
	}
	if sessions != 3_052 {
		t.Errorf("the events make %d sessions, want 3052", sessions)
	}
}

// Defends the mapping of real shop events, one type each for views, carts and
// purchases.
func TestRees46(t *testing.T) {
	events := realFile(t, "rees46.yaml", "rees46_2019_oct.csv")
	want := facts{Events: 1_000, IDs: 1_000, Customers: 330, Types: map[string]int{
		"browsing.product_viewed": 987, "checkout.product_added": 3, "checkout.order_placed": 10,
	}}
	if diff := cmp.Diff(want, factsOf(events)); diff != "" {
		t.Fatal(diff)
	}
	first := `{"product_id":"44600062","brand":"shiseido","session_id":"72d76fde-8bb3-4e00-8c23-a032dfed738c","currency":"USD","category_id":"2103807459595387724","price":35.79}`
	if e := events[0]; e.Line != 2 || at(e) != "2019-10-01T00:00:00Z" || e.Event.Customer != "541312140" || string(e.Event.Data) != first {
		t.Errorf("line 2: %+v\n%s", e, e.Event.Data)
	}
}

// Defends the mapping of real purchases at fixed columns, with dates for times.
func TestCDNow(t *testing.T) {
	events := realFile(t, "cdnow.yaml", "cdnow_sample.txt")
	want := facts{Events: 6_919, IDs: 6_919, Customers: 2_357, Types: map[string]int{"checkout.order_placed": 6_919}}
	if diff := cmp.Diff(want, factsOf(events)); diff != "" {
		t.Fatal(diff)
	}
	first := `{"total":29.33,"currency":"USD","units":2,"order_id":"cdnow-1"}`
	if e := events[0]; at(e) != "1997-01-01T00:00:00Z" || e.Event.Customer != "cdnow-0001" || string(e.Event.Data) != first {
		t.Errorf("line 1: %+v\n%s", e, e.Event.Data)
	}
}

// countSessions counts the runs of times, in seconds, with no silence longer
// than gap between two.
func countSessions(times []int64, gap int64) int {
	slices.Sort(times)
	n := 1
	for i := 1; i < len(times); i++ {
		if times[i]-times[i-1] > gap {
			n++
		}
	}
	return n
}
