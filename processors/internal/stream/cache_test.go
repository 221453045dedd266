package stream

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Defends reads of state: the cache never answers with anything but what was put
// last, however often its generations change, and keeps to its bound.
func TestTheCacheAnswersWithTheLatest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCache(4 << 10)
		want := make(map[string][]byte)
		for step := range rapid.IntRange(1, 400).Draw(t, "steps") {
			key := fmt.Sprint(rapid.IntRange(0, 60).Draw(t, "key"))
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				c.remove(key)
				delete(want, key)
			case 1, 2:
				want[key] = fmt.Append(nil, step)
				c.put(key, want[key])
			default:
				if got := c.get([]byte(key)); got != nil && !bytes.Equal(got, want[key]) {
					t.Fatalf("%s is %q, want %q", key, got, want[key])
				}
			}
			if n := cacheEntryBytes * (len(c.young) + len(c.old)); n > c.limit+2*cacheEntryBytes {
				t.Fatalf("%d bytes are kept, at most %d may be", n, c.limit)
			}
		}
	})
}

// Defends the use of it: what is read again and again outlives any number of
// values that are written once.
func TestWhatIsReadStays(t *testing.T) {
	c := newCache(1 << 20)
	c.put("often", []byte("x"))
	for n := range 100_000 {
		c.put(fmt.Sprint("once", n), []byte("y"))
		c.put("changing", []byte("z"))
		if n%100 == 0 && c.get([]byte("often")) == nil {
			t.Fatalf("forgotten after %d others", n)
		}
	}
	if c.get([]byte("once1")) != nil {
		t.Error("nothing was forgotten")
	}
	for range 100_000 {
		c.put("changing", []byte("z"))
	}
	if c.get([]byte("once99999")) == nil {
		t.Error("a value that changes often drove others out")
	}
}
