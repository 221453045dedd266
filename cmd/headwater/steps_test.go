package main

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Defends who waits without a terminal: a step that takes long says so every ten
// seconds, whether or not anything came on, and what terraform reads counts.
func TestStepsShowThatTheyWork(t *testing.T) {
	printed, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer printed.Close()
	before := os.Stdout
	os.Stdout = printed
	defer func() { os.Stdout = before }()

	synctest.Test(t, func(*testing.T) {
		s := begin("apply", 1)
		time.Sleep(11 * time.Second)
		r := applyReader{step: s}
		r.take(message{Type: "refresh_start"})
		r.take(message{Type: "refresh_start"})
		r.take(message{Type: "refresh_complete"})
		time.Sleep(10 * time.Second)
		r.take(message{Type: "planned_change"})
		r.take(message{Type: "planned_change"})
		r.take(message{Type: "apply_complete"})
		time.Sleep(10 * time.Second)
		s.done("%s", "made")
		time.Sleep(time.Minute)
	})
	got, err := os.ReadFile(printed.Name())
	if err != nil {
		t.Fatal(err)
	}
	want := `  apply: 10 s
  apply: 20 s, 1 of 2 read
  apply: 30 s, 1 of 2 applied
  apply        made (31.0s)
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}
