package test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// settled is how long after an import's end every session must be final: settle
// time, grace and a commit, with room for a loaded machine.
const settled = 30 * time.Second

// data returns the path of a file of real events, or skips where it is absent.
func data(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../shared/data", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the real events are absent: %v", err)
		}
		t.Skipf("the real events are absent: %v", err)
	}
	return path
}

// imported is what `headwater import --json` says.
type imported struct {
	Lines        int64 `json:"lines"`
	Accepted     int64 `json:"accepted"`
	Duplicate    int64 `json:"duplicate"`
	DeadLettered int64 `json:"dead_lettered"`
	Refused      int64 `json:"refused"`
}

func (p *platform) importFile(mapping, file string) imported {
	p.t.Helper()
	out := p.run("import", "--json", "--mapping", mapping, file)
	var result imported
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		p.t.Fatalf("%v in %s", err, out)
	}
	return result
}

func expectImport(t *testing.T, what string, got imported, accepted, duplicate int64) {
	t.Helper()
	if got.Accepted != accepted || got.Duplicate != duplicate || got.DeadLettered != 0 || got.Refused != 0 {
		t.Errorf("%s: %+v, expected %d accepted, %d of them duplicates, none refused", what, got, accepted, duplicate)
	}
}

// expectWebSessions checks the truth that the data's own documentation states:
// 10,000 requests of 1,753 visitors in 3,052 sessions, all final. lines are the
// log's, which name the visitors: others may have sessions beside them.
func expectWebSessions(t *testing.T, p *platform, lines []string) {
	t.Helper()
	known := map[string]bool{}
	for _, line := range lines {
		client, _, _ := strings.Cut(line, " ")
		known[client] = true
	}
	var got []session
	deadline := time.Now().Add(settled)
	for {
		got = slices.DeleteFunc(p.sessions(""), func(s session) bool { return !known[s.Customer] })
		if open := countOpen(got); open == 0 && len(got) > 0 || time.Now().After(deadline) {
			break
		}
		time.Sleep(time.Second)
	}
	visitors, pages := map[string]bool{}, int64(0)
	for _, s := range got {
		visitors[s.Customer] = true
		pages += s.PageViews
	}
	if len(got) != 3052 || len(visitors) != 1753 || pages != 10_000 || countOpen(got) != 0 {
		t.Errorf("%d sessions of %d visitors with %d pages, %d open; expected 3052 of 1753 with 10000, 0 open",
			len(got), len(visitors), pages, countOpen(got))
	}
}

func countOpen(sessions []session) int {
	open := 0
	for _, s := range sessions {
		if s.State != "FINAL" {
			open++
		}
	}
	return open
}

// The three public data sets have known answers: sessions, counts, customers. The
// second import of each must change nothing.
func TestRealDataGivesItsKnownAnswers(t *testing.T) {
	t.Parallel()
	web, shop, purchases := data(t, "web_access.log.gz"), data(t, "rees46_2019_oct.csv"), data(t, "cdnow_sample.txt")
	p := newPlatform(t)
	p.run("up", "--source", p.source, "--sample") // as on every machine, the sample came first

	before := p.allTime()
	expectImport(t, "web log", p.importFile("docs/mappings/web_access.yaml", web), 10_000, 0)
	expectWebSessions(t, p, gunzip(t, web))
	t.Run("web log again", func(t *testing.T) {
		expectImport(t, "web log again", p.importFile("docs/mappings/web_access.yaml", web), 10_000, 10_000)
		expectWebSessions(t, p, gunzip(t, web))
	})
	rise(t, before, p.allTime(), "browsing.page_viewed", 10_000)
	riseOfCustomers(t, before, p.allTime(), 1753)

	before = p.allTime()
	expectImport(t, "shop", p.importFile("docs/mappings/rees46.yaml", shop), 1000, 0)
	expectImport(t, "shop again", p.importFile("docs/mappings/rees46.yaml", shop), 1000, 1000)
	after := p.allTime()
	rise(t, before, after, "browsing.product_viewed", 987)
	rise(t, before, after, "checkout.product_added", 3)
	rise(t, before, after, "checkout.order_placed", 10)
	riseOfCustomers(t, before, after, 330)

	before = after
	expectImport(t, "purchases", p.importFile("docs/mappings/cdnow.yaml", purchases), 6919, 0)
	expectImport(t, "purchases again", p.importFile("docs/mappings/cdnow.yaml", purchases), 6919, 6919)
	riseOfCustomers(t, before, p.allTime(), 2357)
}

func rise(t *testing.T, before, after map[string]count, eventType string, want int64) {
	t.Helper()
	if got := after[eventType].Events - before[eventType].Events; got != want {
		t.Errorf("events of %s rose by %d, expected %d", eventType, got, want)
	}
}

func riseOfCustomers(t *testing.T, before, after map[string]count, want int64) {
	t.Helper()
	if got := after["*"].UniqueCustomers - before["*"].UniqueCustomers; got != want {
		t.Errorf("unique customers over all types rose by %d, expected %d", got, want)
	}
}

// Order of lines, parallel senders and a stall change when events arrive, never
// what the aggregates end up holding.
func TestArrivalChangesNothing(t *testing.T) {
	t.Parallel()
	lines := gunzip(t, data(t, "web_access.log.gz"))
	rand.New(rand.NewPCG(7, 7)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	p := newPlatform(t)
	p.up()

	shuffled := filepath.Join(t.TempDir(), "shuffled.log")
	if err := os.WriteFile(shuffled, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	half := len(lines) / 2
	cmd := p.command("import", "--json", "--senders", "8", "--mapping", "docs/mappings/web_access.yaml", "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(stdin, strings.Join(lines[:half], ""))
	time.Sleep(stall())
	io.WriteString(stdin, strings.Join(lines[half:], ""))
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("import: %v\n%s", err, out.String())
	}
	expectWebSessions(t, p, lines)
	if all := p.allTime()["*"]; all.Events != 10_000 || all.UniqueCustomers != 1753 {
		t.Errorf("%+v, expected 10000 events of 1753 customers", all)
	}
}

// stall is 60 s: longer than settle and grace, so sessions of the first half are
// final before the second half merges into them.
func stall() time.Duration { return 60 * time.Second }

func gunzip(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.TrimSuffix(line, "\n")+"\n")
	}
	return lines
}
