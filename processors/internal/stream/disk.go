package stream

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// spaceWanted must be writable again before a full disk counts as one with
	// space: a few memtables.
	spaceWanted = 8 << 20
	// fullRetries is how often a write is tried again, each time after there was
	// space once more: others fill the disk too.
	fullRetries = 3

	diskPause = 250 * time.Millisecond
)

// waitingDisk makes writes to a full disk wait until there is space again. For
// Pebble a write that fails is fatal: it cannot know what of it is on the disk.
// A task whose state waits takes no records and keeps its place in the group.
func waitingDisk(fs vfs.FS, dir string, h *halts, log *slog.Logger) vfs.FS {
	waiting := fs
	for range fullRetries {
		waiting = vfs.OnDiskFull(waiting, func() {
			log.Error("wait for space: the disk under the state is full, nothing is lost", "dir", dir)
			h.diskFull(true)
			for !hasSpace(fs, dir) {
				time.Sleep(diskPause)
			}
			h.diskFull(false)
			log.Info("the disk under the state has space again", "dir", dir)
		})
	}
	return waiting
}

// hasSpace tries to write what a task needs to go on.
func hasSpace(fs vfs.FS, dir string) bool {
	name := path.Join(dir, "space-probe")
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return false
	}
	_, err = f.Write(make([]byte, spaceWanted))
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	_ = fs.Remove(name) // the next probe writes it anew
	return err == nil
}

// diskFull says whether the disk under the state is full now.
func (h *halts) diskFull(full bool) {
	h.full.Store(full)
	value := 0.0
	if full {
		value = 1
	}
	h.metrics.diskFull.Set(value)
}

// checkDisk waits for space while the disk is full: what came meanwhile would
// only pile up. An error means that state on the disk is damaged, and that a new
// task must drop and restore it.
func (t *task) checkDisk(ctx context.Context) error {
	for number, p := range t.parts {
		if p.store.corrupt.Load() {
			return fmt.Errorf("read state of partition %d: %s is damaged: it is dropped and restored", number, p.store.dir)
		}
	}
	if !t.halts.full.Load() {
		return nil
	}
	if err := t.abort(ctx, "disk_full"); err != nil {
		return err
	}
	for t.halts.full.Load() && ctx.Err() == nil {
		_ = pause(ctx, diskPause)
	}
	return nil
}

// noticeCorruption remembers damage that Pebble meets, also in the background.
func (s *store) noticeCorruption(err error) error {
	if pebble.IsCorruptionError(err) {
		s.corrupt.Store(true)
	}
	return err
}
