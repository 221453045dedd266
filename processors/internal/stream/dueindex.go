package stream

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// dueEntry is an entry of the index of what is due: keys that want to be woken at
// one time.
type dueEntry struct {
	index []byte   // its own key
	keys  [][]byte // stored keys
	came  int      // how many of them have come up
}

// dueList gathers what one batch adds to the index.
type dueList []wish

// wish is a stored key and when it wants to be woken, as [orderedMillis].
type wish struct {
	due uint64
	key []byte
}

func (w wish) compare(other wish) int {
	return cmp.Or(cmp.Compare(w.due, other.due), bytes.Compare(w.key, other.key))
}

// dueEntryKeys bounds the keys of one index entry, which is written anew when only
// some of them may come up.
const dueEntryKeys = 128

func (a *dueList) add(due time.Time, stored []byte) {
	*a = append(*a, wish{orderedMillis(due), stored})
}

// write puts the entries into the batch. Each has a number of its own after its
// time, so that none is ever written over: last is the greatest number that the
// store has used, and the result the one that it has then. A key that several
// entries of the index held until they came up is written once.
func (a dueList) write(batch *pebble.Batch, last uint64) (uint64, error) {
	slices.SortFunc(a, wish.compare)
	a = slices.CompactFunc(a, func(x, y wish) bool { return x.compare(y) == 0 })
	for len(a) > 0 {
		var keys []byte
		due, n := a[0].due, 0
		for ; n < min(len(a), dueEntryKeys) && a[n].due == due; n++ {
			keys = appendKey(keys, a[n].key)
		}
		last++
		if err := batch.Set(dueKey(due, last), keys, nil); err != nil {
			return last, err
		}
		a = a[n:]
	}
	return last, nil
}

func appendKey(list, key []byte) []byte {
	return append(binary.AppendUvarint(list, uint64(len(key))), key...)
}

func readDueEntry(index, value []byte) dueEntry {
	entry := dueEntry{index: bytes.Clone(index)}
	for rest := bytes.Clone(value); len(rest) > 0; {
		size, n := binary.Uvarint(rest)
		rest = rest[n:]
		entry.keys = append(entry.keys, rest[:size:size])
		rest = rest[size:]
	}
	return entry
}

// next is up to n keys that have not come up yet.
func (e *dueEntry) next(n int) [][]byte {
	from := e.came
	e.came = min(from+n, len(e.keys))
	return e.keys[from:e.came]
}

func (e *dueEntry) done() bool { return e.came == len(e.keys) }

// remove takes what came up out of the index.
func (e *dueEntry) remove(batch *pebble.Batch) error {
	if e.done() {
		return batch.Delete(e.index, nil)
	}
	var rest []byte
	for _, key := range e.keys[e.came:] {
		rest = appendKey(rest, key)
	}
	return batch.Set(e.index, rest, nil)
}

// dueKey orders the index by time, then by number.
func dueKey(due, number uint64) []byte {
	k := binary.BigEndian.AppendUint64([]byte{spaceDue}, due)
	return binary.BigEndian.AppendUint64(k, number)
}

func parseDueKey(k []byte) time.Time {
	return timeOfOrdered(binary.BigEndian.Uint64(k[1:9]))
}
