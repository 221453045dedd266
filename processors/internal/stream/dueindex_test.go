package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Defends timers that share index entries: of many that are due at one time, set
// over several commits and restored in between, each goes off once, and never
// more of them in a transaction than may be, down to the one that is to blame.
func TestTimersAtOneTimeGoOffInParts(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 50, dueEntryKeys, wakeLimit} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			begun := time.UnixMilli(1_700_000_000_000)
			due, gone := begun.Add(time.Hour), make(map[string]int)
			d, err := NewDriver(echoSpec, alarmRule{func(key string, _ alarm) { gone[key]++ }}, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			const keys = 3 * dueEntryKeys
			for n := range 2 * keys { // each is set twice, in other company
				in := Input{Topic: "raw.a", Key: fmt.Append(nil, n*7%keys), Value: alarm{due: due.UnixMilli()}.encode(), Received: begun}
				if _, err := d.Feed(in); err != nil {
					t.Fatal(err)
				}
				if n%100 == 99 {
					commitAll(t, d)
				}
				if n == keys {
					if err := d.Restart(); err != nil {
						t.Fatal(err)
					}
				}
			}
			commitAll(t, d)
			d.p.advance(due)
			for woken := 1; woken > 0; {
				if woken, err = d.p.wake(limit); err != nil {
					t.Fatal(err)
				}
				if woken > limit {
					t.Fatalf("%d timers came up, at most %d may", woken, limit)
				}
				commitAll(t, d)
			}
			for key, times := range gone {
				if times != 1 {
					t.Errorf("%s went off %d times", key, times)
				}
			}
			if len(gone) < keys-2 { // what the restart took back and nothing set again
				t.Errorf("%d of %d went off", len(gone), keys)
			}
		})
	}
}

func commitAll(t *testing.T, d *Driver) {
	t.Helper()
	if _, err := d.Commit(); err != nil {
		t.Fatal(err)
	}
}

// Defends the size of the index: a key that several entries held, since it was put
// off while its old value was not at hand, is in one of them once they came up.
func TestAKeyIsIndexedOnce(t *testing.T) {
	t.Parallel()
	begun := time.UnixMilli(1_700_000_000_000)
	d, err := NewDriver(echoSpec, alarmRule{func(string, alarm) {}}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for n := range 20 {
		d.p.cache = newCache(1 << 10)
		a := alarm{due: begun.Add(time.Hour + time.Duration(n)*time.Second).UnixMilli()}
		if _, err := d.Feed(Input{Topic: "raw.a", Key: []byte("a"), Value: a.encode(), Received: begun}); err != nil {
			t.Fatal(err)
		}
		commitAll(t, d)
	}
	if n := keysIndexed(t, d); n != 20 {
		t.Fatalf("%d entries are in the index: the test does not make what it is about", n)
	}
	if err := d.Advance(begun.Add(time.Hour + 18*time.Second)); err != nil {
		t.Fatal(err)
	}
	commitAll(t, d)
	if n := keysIndexed(t, d); n > 2 {
		t.Errorf("%d entries are left, want the one that came in their place and the last", n)
	}
}

// keysIndexed counts the keys in the index, ledgers left out.
func keysIndexed(t *testing.T, d *Driver) (n int) {
	t.Helper()
	it, err := d.p.store.db.NewIter(&pebble.IterOptions{LowerBound: []byte{spaceDue}, UpperBound: []byte{spaceDue + 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		for _, key := range readDueEntry(it.Key(), it.Value()).keys {
			if key[0] == spaceRule {
				n++
			}
		}
	}
	return n
}
