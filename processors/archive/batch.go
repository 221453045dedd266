package main

import (
	"time"

	"headwater.internal/platform/internal/archive"
)

// batch is what has come of one partition since its last commit in the archive.
type batch struct {
	stream      archive.Stream
	first, next int64 // offsets: where it begins, what comes next
	rows        []archive.Row
	bytes       int
	since       time.Time // its first row came
	retryAt     time.Time // after a write that failed
	failures    int
}

func (b *batch) add(r archive.Row, now time.Time) {
	if len(b.rows) == 0 {
		b.since = now
	}
	b.rows = append(b.rows, r)
	b.bytes += rowBytes(r)
	b.next = r.Offset + 1
}

// rowBytes is about what a row takes of the memory.
func rowBytes(r archive.Row) int {
	return len(r.Data) + len(r.Undecoded) + len(r.ID) + len(r.Customer) + 100
}

func (b *batch) full(l limits) bool { return len(b.rows) >= l.rows || b.bytes >= l.bytes }

// due says whether it is time to write.
func (b *batch) due(s settings, now time.Time) bool {
	return len(b.rows) > 0 && !now.Before(b.retryAt) && (b.full(s.limits) || now.Sub(b.since) >= s.interval)
}

// failed puts the next try off, up to half a minute.
func (b *batch) failed(now time.Time) {
	b.failures++
	b.retryAt = now.Add(min(30*time.Second, 250*time.Millisecond<<min(b.failures, 10)))
}

// committed drops the rows that the archive has, which may be more than were
// written: another writer was faster.
func (b *batch) committed(next int64, now time.Time) {
	kept := b.rows[:0]
	bytes := 0
	for _, r := range b.rows {
		if r.Offset >= next {
			kept = append(kept, r)
			bytes += rowBytes(r)
		}
	}
	clear(b.rows[len(kept):])
	b.rows, b.bytes, b.since = kept, bytes, now
	b.first, b.next = next, max(b.next, next)
	b.failures, b.retryAt = 0, time.Time{}
}
