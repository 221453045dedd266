package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// stateOf is a store with changes of it that keep a map beside.
type stateOf struct {
	*store
	want map[string][]byte
}

func (s *stateOf) change(t rapid.TB, sets, deletes []string) {
	batch := s.db.NewBatch()
	for _, key := range sets {
		value := fmt.Append(nil, len(s.want), key)
		if err := batch.Set([]byte(key), value, nil); err != nil {
			t.Fatal(err)
		}
		s.want[key] = value
	}
	for _, key := range deletes {
		if err := batch.Delete([]byte(key), nil); err != nil {
			t.Fatal(err)
		}
		delete(s.want, key)
	}
	if err := s.commit(batch, s.local); err != nil {
		t.Fatal(err)
	}
}

func stateKey(n int) string {
	return string(binary.BigEndian.AppendUint32([]byte{spaceRule}, uint32(n)))
}

// Defends dedupe: no key that the store holds is ever taken for absent, whatever
// was written, deleted and reopened, and while the filter is being built.
func TestNothingKnownIsTakenForAbsent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewMem()
		s, err := openStore(fs, "state")
		if err != nil {
			t.Fatal(err)
		}
		state := stateOf{s, make(map[string][]byte)}
		defer func() { _ = state.close() }()
		keys := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return stateKey(rapid.IntRange(0, 4_000).Draw(t, "key")) }), 0, 400)
		for range rapid.IntRange(1, 12).Draw(t, "commits") {
			if rapid.IntRange(0, 3).Draw(t, "reopen") == 0 {
				if err := state.close(); err != nil {
					t.Fatal(err)
				}
				if state.store, err = openStore(fs, "state"); err != nil {
					t.Fatal(err)
				}
			}
			state.change(t, keys.Draw(t, "sets"), keys.Draw(t, "deletes"))
			for n := range 4_001 {
				key := stateKey(n)
				got, err := state.get([]byte(key))
				if err != nil || !bytes.Equal(got, state.want[key]) || (got == nil) != (state.want[key] == nil) {
					t.Fatalf("%x is %q, want %q: %v", key, got, state.want[key], err)
				}
			}
		}
	})
}

// Defends the filter's use and its growth: once it is whole it knows nearly all
// absent keys, also after the state has outgrown it several times.
func TestAbsentKeysAreKnown(t *testing.T) {
	s, err := openStore(vfs.NewMem(), "state")
	if err != nil {
		t.Fatal(err)
	}
	state := stateOf{s, make(map[string][]byte)}
	defer func() { _ = state.close() }()
	const keys = 200_000
	for from := 0; from < keys; from += 1_000 {
		list := make([]string, 1_000)
		for i := range list {
			list[i] = stateKey(from + i)
		}
		state.change(t, list, nil)
	}
	for range 2 * keys / knownStep {
		state.change(t, nil, nil)
	}
	missed := 0
	for n := range 10_000 {
		if !state.known.lacks([]byte(stateKey(keys + n))) {
			missed++
		}
	}
	if missed > 300 {
		t.Errorf("of 10,000 absent keys %d are looked up", missed)
	}
	for key := range state.want {
		if state.known.lacks([]byte(key)) {
			t.Fatalf("%x is there", key)
		}
	}
	if size := state.known.now.bytes(); size > 1<<20 {
		t.Errorf("the filter of %d keys has %d bytes", keys, size)
	}
}

// Defends the bound of memory: a state that is too large for the filter goes
// without.
func TestALargeStateGoesWithoutAFilter(t *testing.T) {
	k := known{next: newKeyFilter(knownMaxBytes), from: []byte{spaceRule}}
	k.next.keys = k.next.room() + 1
	s, err := openStore(vfs.NewMem(), "state")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.close() }()
	for range 3 {
		if err := k.step(s.db); err != nil {
			t.Fatal(err)
		}
	}
	if !k.off || k.now != nil || k.next != nil || k.lacks([]byte(stateKey(1))) {
		t.Errorf("there is a filter: %+v", k)
	}
}
