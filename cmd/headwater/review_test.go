package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// changedRepository is a git repository whose working tree breaks a schema of
// its main.
func changedRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=Test", "-c", "user.email=test@example.com"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	schema := `{"type": "record", "name": "OrderPlaced", "namespace": "checkout", "fields": [{"name": "total", "type": "TYPE"}]}`
	git("init", "-q", "-b", "main")
	if err := os.MkdirAll(filepath.Join(dir, "schemas", "checkout"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeInto(t, dir, "schemas/checkout.tf", `module "order_placed" {
  source    = "../modules/event"
  domain    = "checkout"
  name      = "order_placed"
  owner     = "checkout"
  schema    = file("${path.module}/checkout/order_placed.avsc")
  retention = "30d"
  consumers = ["finance"]
}
`)
	writeInto(t, dir, "schemas/checkout/order_placed.avsc", strings.Replace(schema, "TYPE", "double", 1))
	git("add", "-A")
	git("commit", "-q", "-m", "main")
	writeInto(t, dir, "schemas/checkout/order_placed.avsc", strings.Replace(schema, "TYPE", "string", 1))
	return dir
}

// CI goes by the exit code, people by the words, programs by the JSON, and the
// ledger by what was caught: one run gives all four.
func TestReviewRefusesAndKeepsTheLedger(t *testing.T) {
	dir := changedRepository(t)
	ledger := filepath.Join(t.TempDir(), "conflicts.ndjson")
	out, err := cli(t, "review", "--dir", dir, "--base", "main", "--json", "--ledger", ledger, "--change", "pull request 7")
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want a refusal", err)
	}
	var report struct {
		Events []struct {
			Event     string
			Conflicts []struct{ Rule string }
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(report.Events) != 1 || report.Events[0].Event != "checkout.order_placed" || len(report.Events[0].Conflicts) != 2 {
		t.Errorf("got %+v", report)
	}
	if out := mustCLI(t, "conflicts", ledger); !strings.HasPrefix(out, "1 caught, 0 mended, 0 withdrawn, 1 open") || !strings.Contains(out, "hits finance (pull request 7)") {
		t.Errorf("got %s", out)
	}
	if out := mustCLI(t, "conflicts", ledger, "--withdraw", "pull request 7"); !strings.HasPrefix(out, "1 caught, 0 mended, 1 withdrawn, 0 open") {
		t.Errorf("got %s", out)
	}
	words, err := cli(t, "review", "--dir", dir, "--base", "main")
	if err == nil || !strings.Contains(words, "changes total from double to string") {
		t.Errorf("got %s, %v", words, err)
	}
}

// Half a wish is refused before anything is read or written.
func TestReviewFlagsGoTogether(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "conflicts.ndjson")
	for _, args := range [][]string{
		{"review", "--dir", t.TempDir(), "--ledger", ledger},
		{"review", "--dir", t.TempDir(), "--change", "x"},
	} {
		if _, err := cli(t, args...); err == nil || !strings.Contains(err.Error(), "go together") {
			t.Errorf("%v: got %v", args, err)
		}
	}
	if _, err := os.Stat(ledger); err == nil {
		t.Error("a ledger was written")
	}
}
