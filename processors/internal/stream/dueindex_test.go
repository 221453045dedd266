package stream

import (
	"fmt"
	"testing"
	"time"
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
