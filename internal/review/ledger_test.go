package review

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Every conflict is counted once however often CI reviews the change, and its
// end is written down: the ledger is the only proof of what was caught.
func TestLedgerCountsEachConflictOnce(t *testing.T) {
	r := newRepository(t)
	path := filepath.Join(t.TempDir(), "conflicts.ndjson")
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	record := func(change string, later time.Duration) {
		t.Helper()
		l, err := OpenLedger(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Record(r.review(""), change, now.Add(later)); err != nil {
			t.Fatal(err)
		}
	}
	r.write(schemaFile, order(totalText, note))
	record("pull request 7", 0)
	record("pull request 7", time.Hour) // pushed again, unmended
	record("pull request 8", time.Hour) // another change with the same mistake
	r.write(schemaFile, order(total, note))
	record("pull request 7", 3*time.Hour)
	record("pull request 7", 4*time.Hour)
	l, err := OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Withdraw("pull request 8", now.Add(5*time.Hour)); err != nil {
		t.Fatal(err)
	}
	l, err = OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	got := l.Tally(time.Time{})
	want := Tally{
		Caught: 2, Mended: 1, Withdrawn: 1, Open: []Entry{}, MeanHours: 3.5,
		ByRule: map[string]int{"TYPE_MISMATCH": 2}, BySubject: map[string]int{"raw.checkout.order-placed-value": 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"finance", "refine"}, l.Entries[0].Consumers); diff != "" {
		t.Error(diff)
	}
	if late := l.Tally(now.Add(2 * time.Hour)); late.Caught != 0 || late.Mended != 1 {
		t.Errorf("since the third hour: %+v", late)
	}
}

// The same mistake made again after it was mended is caught again.
func TestLedgerCatchesAgain(t *testing.T) {
	r := newRepository(t)
	l := &Ledger{path: filepath.Join(t.TempDir(), "conflicts.ndjson")}
	for _, text := range []string{order(totalText), order(total, note), order(totalText)} {
		r.write(schemaFile, text)
		if err := l.Record(r.review(""), "pull request 7", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.Tally(time.Time{}); got.Caught <= got.Mended || len(got.Open) != got.Caught-got.Mended {
		t.Errorf("got %+v", got)
	}
}

// A ledger that was cut short or edited is not silently begun anew.
func TestLedgerRefusesWhatItCannotRead(t *testing.T) {
	for text, want := range map[string]string{
		`{"id": "a", "state": "caught"}`:                       "its last line is cut short",
		"{\"id\": \"a\", \"state\": \"caught\"}\nnonsense\n":   "line 2 is no entry",
		"{\"id\": \"a\", \"state\": \"caught\"}\n{\"id\":1}\n": "line 2 is no entry",
	} {
		path := filepath.Join(t.TempDir(), "conflicts.ndjson")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenLedger(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
