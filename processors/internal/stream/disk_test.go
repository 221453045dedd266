package stream

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// Defends state and process against a full disk: the task waits, says so, loses
// nothing, stays in the group and goes on when there is space again.
func TestFullDiskIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	var full atomic.Bool
	p.disk = errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && (op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate) {
			return syscall.ENOSPC
		}
		return nil
	}))
	t.Cleanup(func() { full.Store(false) })
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	sent := p.produceKeys("raw.a", 100)
	p.checkCopies(sent)
	_, generation := r.t.client.GroupMetadata()

	full.Store(true)
	large := make(map[string]int)
	for !r.t.halts.full.Load() {
		add(large, p.produceKeys("raw.a", 200))
		time.Sleep(5 * time.Millisecond)
	}
	add(sent, large)
	if value(t, r, "headwater_stream_disk_full") != 1 || !strings.Contains(r.t.halts.stopped(), "disk") {
		t.Errorf("a full disk does not show: %q", r.t.halts.stopped())
	}
	add(sent, p.produceKeys("raw.a", 200))
	full.Store(false)
	p.checkCopies(sent)
	eventually(t, "the metric is back", func() bool { return value(t, r, "headwater_stream_disk_full") == 0 })
	if _, now := r.t.client.GroupMetadata(); now != generation {
		t.Errorf("the group's generation went from %d to %d: the task lost its place", generation, now)
	}
	r.drain(t)
	r = p.start(tallySpec, &tallyRule{}, 0, nil)
	add(sent, p.produceKeys("raw.a", 17))
	p.checkCopies(sent)
}

// Defends against bits that flip on the disk: state that cannot be read is
// dropped and restored, whichever file it is, and the process lives.
func TestFlippedBitsAreRestored(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"*.sst", "MANIFEST-*"} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			p := startPlatform(t, tallySpec, 1, "raw.a")
			sent := make(map[string]int)
			for range 2 { // the second start writes what the first one logged into tables
				r := p.start(tallySpec, &tallyRule{}, 0, nil)
				add(sent, p.produceKeys("raw.a", 300))
				p.checkCopies(sent)
				r.drain(t)
			}
			files, err := filepath.Glob(filepath.Join(p.dir, tallySpec.Name, "*", pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("no %s to spoil: %v", pattern, err)
			}
			for _, name := range files {
				flip(t, name)
			}
			add(sent, p.produceKeys("raw.a", 300))
			r := p.start(tallySpec, &tallyRule{}, 0, nil)
			select {
			case err := <-r.done: // as keepGoing does
				t.Logf("the task ended: %v", err)
				r.done <- nil
				p.start(tallySpec, &tallyRule{}, 0, nil)
			case <-time.After(2 * time.Second):
			}
			p.checkCopies(sent)
		})
	}
}

// flip turns a bit of every 64th byte of the first half.
func flip(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(b)/2; i += 64 {
		b[i] ^= 1
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
