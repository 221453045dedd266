package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/internal/event"
)

const testMapping = `
source: test
format: {type: csv, header: true}
type: shop.item_seen
customer: who
time: {field: at, layout: unix}
data: {n: {field: n, type: int}}
`

// rows is a file of n good lines, with a wrong one after every hundred.
func rows(n int) string {
	var b strings.Builder
	b.WriteString("who,at,n\n")
	for i := range n {
		fmt.Fprintf(&b, "c%d,%d,%d\n", i%7, 1_500_000_000+i, i)
		if i%100 == 99 {
			b.WriteString("c1,yesterday,1\n")
		}
	}
	return b.String()
}

func runImport(t *testing.T, args ...string) (importReport, error) {
	t.Helper()
	out, err := cli(t, append([]string{"import", "--json", "--mapping", write(t, "m.yaml", testMapping)}, args...)...)
	var r importReport
	if jsonErr := json.Unmarshal([]byte(out), &r); jsonErr != nil && err == nil {
		t.Fatalf("%v:\n%s", jsonErr, out)
	}
	return r, err
}

// Defends the promise of an import: whatever the collector does, each line is
// stored once, reported once, and a second run adds nothing.
func TestImportSurvivesTheCollector(t *testing.T) {
	c := smallKafka(t)
	c.CreateTopic(ledgerTopic, 3, nil)
	collector := startCollector(t, &fakeCollector{ledger: c.Client(), fate: func(request, _ int) fate {
		return []fate{take, fail, takeHalf, loseReply, take}[request%5]
	}})
	file := write(t, "rows.csv", rows(2000))
	r, err := runImport(t, "--senders", "8", "--batch", "50", file)
	if err != nil {
		t.Fatal(err)
	}
	if len(collector.stored) != 2000 || r.Accepted != 2000 || r.Applied != 2000 || !r.Balanced || r.Undelivered != 0 {
		t.Errorf("%d events are stored; the report says %+v", len(collector.stored), r)
	}
	if r.Resent == 0 || r.Duplicate == 0 {
		t.Errorf("answers were lost, and the report does not show it: %+v", r)
	}
	want := []lineGroup{{
		By: "mapping", Reason: `time: the value does not fit layout "unix"`, Count: 20,
		Lines: []int{102, 203, 304, 405, 506}, Example: `"yesterday"`,
	}}
	if diff := cmp.Diff(want, r.Refusals); diff != "" || r.Refused != 20 || r.Lines != 2021 || r.Skipped != 1 {
		t.Errorf("%+v %s", r, diff)
	}

	collector.fate = nil
	again, err := runImport(t, "--senders", "3", write(t, "other-name.csv", rows(2000)))
	if err != nil {
		t.Fatal(err)
	}
	if len(collector.stored) != 2000 || again.Accepted != 2000 || again.Duplicate != 2000 || again.Applied != 0 || again.ImportID == r.ImportID {
		t.Errorf("the second import: %d stored, %+v", len(collector.stored), again)
	}
}

// Defends that a refusal by the collector names its lines, pointer and rule, and
// spares the other events of the batch.
func TestImportReportsRefusals(t *testing.T) {
	collector := startCollector(t, &fakeCollector{check: func(e received) []event.Violation {
		if strings.Contains(string(e.Data), "7}") {
			return []event.Violation{{Pointer: "/data/n", Rule: "range", Message: "expected no 7"}}
		}
		return nil
	}})
	file := write(t, "rows.csv", rows(50))
	r, err := runImport(t, "--no-wait", "--batch", "20", file)
	if err != nil {
		t.Fatal(err)
	}
	want := []lineGroup{{
		By: "collector", Reason: "shop.item_seen: /data/n breaks the rule range", Count: 5,
		Lines: []int{9, 19, 29, 39, 49}, Example: "expected no 7",
	}}
	if diff := cmp.Diff(want, r.Refusals); diff != "" || r.Accepted != 45 || len(collector.stored) != 45 {
		t.Errorf("%+v %s", r, diff)
	}
	if _, err := runImport(t, "--no-wait", "--strict", file); err == nil {
		t.Error("--strict took refused lines for success")
	}
	table := mustCLI(t, "import", "--no-wait", "--mapping", write(t, "m.yaml", testMapping), file)
	for _, part := range []string{"lines read", "accepted", "9, 19, 29, 39, 49", "breaks the rule range: expected no 7"} {
		if !strings.Contains(table, part) {
			t.Errorf("the table has no %q:\n%s", part, table)
		}
	}
}

// Defends that a batch too large for the collector is cut down until it fits.
func TestImportHalvesBatches(t *testing.T) {
	collector := startCollector(t, &fakeCollector{fate: func(_, events int) fate {
		if events > 9 {
			return tooLarge
		}
		return take
	}})
	r, err := runImport(t, "--no-wait", "--batch", "64", write(t, "rows.csv", rows(99)))
	if err != nil || r.Accepted != 99 || len(collector.stored) != 99 || r.Refused != 0 {
		t.Errorf("%v %+v", err, r)
	}
}

// Defends that an import which cannot succeed says so with an exit code, soon,
// and does not call lines delivered that are not.
func TestImportFails(t *testing.T) {
	file := write(t, "rows.csv", rows(500))
	t.Run("wrong key", func(t *testing.T) {
		startCollector(t, &fakeCollector{fate: func(int, int) fate { return wrongKey }})
		r, err := runImport(t, "--no-wait", file)
		if err == nil || !strings.Contains(err.Error(), "write key") || r.Accepted != 0 {
			t.Errorf("%v %+v", err, r)
		}
	})
	t.Run("collector that never takes", func(t *testing.T) {
		startCollector(t, &fakeCollector{fate: func(int, int) fate { return fail }})
		_, err := runImport(t, "--no-wait", "--retry-for", "300ms", file)
		if err == nil || !strings.Contains(err.Error(), "no broker answers") {
			t.Error(err)
		}
	})
	t.Run("nobody counts", func(t *testing.T) {
		c := smallKafka(t)
		c.CreateTopic(ledgerTopic, 1, nil)
		startCollector(t, &fakeCollector{})
		r, err := runImport(t, "--wait", "500ms", file)
		if err == nil || !strings.Contains(err.Error(), "counted 0 of the 500 accepted events") || r.Balanced {
			t.Errorf("%v %+v", err, r)
		}
	})
	t.Run("file cut off", func(t *testing.T) {
		collector := startCollector(t, &fakeCollector{})
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write([]byte(rows(50_000)))
		_ = z.Close()
		r, err := runImport(t, "--no-wait", write(t, "rows.csv.gz", packed.String()[:packed.Len()/2]))
		if err == nil || !strings.Contains(err.Error(), "unexpected EOF") || r.Accepted == 0 || int(r.Accepted) != len(collector.stored) {
			t.Errorf("%v %+v", err, r)
		}
	})
	t.Run("never started", func(t *testing.T) {
		t.Setenv("HEADWATER_COLLECTOR_URL", "")
		_, err := runImport(t, "--data-dir", t.TempDir(), file)
		if err == nil || !strings.Contains(err.Error(), "run headwater up") {
			t.Error(err)
		}
	})
}

// Defends the dry run: it needs no platform and shows what would be sent.
func TestImportDryRun(t *testing.T) {
	r, err := runImport(t, "--dry-run", "--limit", "1", write(t, "rows.csv", rows(300)))
	if err != nil || r.Events != 300 || r.Refused != 3 || len(r.FirstEvents) != 1 {
		t.Fatalf("%v %+v", err, r)
	}
	var first received
	if err := json.Unmarshal(r.FirstEvents[0], &first); err != nil {
		t.Fatal(err)
	}
	if first.Subject != "c0" || first.Time != "2017-07-14T02:40:00Z" || first.Type != "shop.item_seen" {
		t.Errorf("%+v", first)
	}
}

// Defends that sending one event says what became of it.
func TestSend(t *testing.T) {
	collector := startCollector(t, &fakeCollector{
		fate: func(request, _ int) fate {
			if request == 1 {
				return fail
			}
			return take
		},
		check: func(e received) []event.Violation {
			if e.Type == "shop.wrong" {
				return []event.Violation{{Pointer: "/data", Rule: "required", Message: "expected total"}}
			}
			return nil
		},
	})
	out := mustCLI(t, "send", "shop.item_seen", "--customer", "ann", "--id", "e1", "--data", "@"+write(t, "d.json", `{"a": 1}`))
	if !strings.Contains(out, "accepted  id e1") || string(collector.stored["headwater e1"].Data) != `{"a":1}` {
		t.Errorf("%s %+v", out, collector.stored)
	}
	out, err := cli(t, "send", "shop.wrong", "--customer", "ann")
	if err == nil || !strings.Contains(out, "/data  required: expected total") {
		t.Errorf("%v %s", err, out)
	}
}
