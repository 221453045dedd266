package stream

import (
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Defends the time that a lost host costs: a task that sleeps holds the locks of
// all its directories, and its successor waits for them together, not for one
// after the other.
func TestLockedDirectoriesAreWaitedForTogether(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	r := &restorer{disk: fs, dir: "/state", task: "1", log: slog.New(slog.DiscardHandler)}
	locked := time.Now().Add(100 * time.Millisecond)
	for number := range int32(4) {
		sleeper, err := r.open(t.Context(), number, locked)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sleeper.close() }()
	}
	locked = time.Now().Add(500 * time.Millisecond)
	for number := range int32(4) {
		s, err := r.open(t.Context(), number, locked)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.close() }()
		if number == 0 {
			if time.Now().Before(locked) {
				t.Error("the directory was not waited for")
			}
			continue
		}
		if took := time.Since(locked); took > lockPatience {
			t.Errorf("directory %d was waited for by itself: %s", number, took)
		}
	}
}
