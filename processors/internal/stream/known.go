package stream

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"

	"github.com/cockroachdb/pebble/v2"
)

// known says of most keys that a store does not hold that it does not: a look-up
// of what is new, as dedupe makes one per event, then costs one line of memory
// and not a walk through the memtable and every table's own filter.
//
// It is a Bloom filter over all keys of the state, never in want of one: a commit
// adds its keys before it writes them, and what the directory held when it was
// opened is added a few keys at each commit, until when the filter is not asked.
// Keys that are deleted stay in it, so it is built anew when it is full.
type known struct {
	now   *keyFilter // nil until it has all keys
	next  *keyFilter // being built; nil when there is no need
	from  []byte     // where building goes on in the state
	noted int        // keys of the commit under way
	off   bool       // the state is too large for it
}

const (
	// Keys added to a filter under construction at each commit, about 0.2 us each,
	// and at least so many for each that the commit sets: a state that grows fast
	// is overtaken before the filter in use errs too often.
	knownStep, knownPace = 256, 8
	// Bounds of one partition's filter: from 170,000 keys to 11 million. While it
	// is built anew there are two.
	knownMinBytes, knownMaxBytes = 256 << 10, 16 << 20
	knownGrowth                  = 4
	knownBitsPerKey              = 12 // about 1 absent key in 100 is still looked up
)

// lacks says that the store does not hold the key; false also means unknown.
func (k *known) lacks(key []byte) bool {
	return k.now != nil && indexed(key) && !k.now.has(key)
}

// indexed says whether keys of that space are looked up one by one.
func indexed(key []byte) bool { return key[0] == spaceRule || key[0] == spaceRuntime }

// note adds the keys that a batch will set.
func (k *known) note(b *pebble.Batch) error {
	k.noted = 0
	if k.now == nil && k.next == nil {
		return nil
	}
	for r := b.Reader(); ; {
		kind, key, _, ok, err := r.Next()
		if !ok || err != nil {
			return err
		}
		if kind != pebble.InternalKeyKindSet || !indexed(key) {
			continue
		}
		k.noted++
		if k.now != nil {
			k.now.add(key)
		}
		if k.next != nil {
			k.next.add(key)
		}
	}
}

// step brings the filter closer to what it should be.
func (k *known) step(db *pebble.DB) error {
	if k.next == nil {
		size := knownMinBytes
		switch {
		case k.off, k.now != nil && !k.now.full():
			return nil
		case k.now != nil:
			size = min(knownGrowth*k.now.bytes(), knownMaxBytes)
		}
		k.next, k.from = newKeyFilter(size), []byte{spaceRule}
	}
	done, err := k.build(db)
	largest := k.next.bytes() == knownMaxBytes
	switch {
	case err != nil:
		return err
	case k.next.full() && !largest: // too small before it was whole
		k.next, k.from = newKeyFilter(knownGrowth*k.next.bytes()), []byte{spaceRule}
	case k.next.full(), done && largest && k.next.keys > k.next.room()*3/4: // it would be built for ever
		*k = known{off: true}
	case done:
		k.now, k.next = k.next, nil
	}
	return nil
}

// build adds the next keys of the store and says whether it has come to the end.
func (k *known) build(db *pebble.DB) (done bool, err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: k.from, UpperBound: []byte{spaceRuntime + 1}})
	if err != nil {
		return false, fmt.Errorf("list known keys: %w", err)
	}
	ok := it.First()
	for range max(knownStep, knownPace*k.noted) {
		if !ok {
			break
		}
		k.next.add(it.Key())
		ok = it.Next()
	}
	if ok {
		k.from = bytes.Clone(it.Key())
	}
	return !ok, errors.Join(it.Error(), it.Close())
}

// keyFilter is a Bloom filter in blocks of one cache line (Putze, Sanders and
// Singler, 2007).
type keyFilter struct {
	seed   maphash.Seed
	blocks []keyBlock
	keys   int // added and not seen before
}

type keyBlock [8]uint64

const keyProbes = 6

func newKeyFilter(size int) *keyFilter {
	return &keyFilter{seed: maphash.MakeSeed(), blocks: make([]keyBlock, size/64)}
}

func (f *keyFilter) bytes() int { return 64 * len(f.blocks) }

// room is how many keys it takes before it errs too often.
func (f *keyFilter) room() int { return f.bytes() * 8 / knownBitsPerKey }

func (f *keyFilter) full() bool { return f.keys > f.room() }

// block is the key's block and the bits that choose within it, nine per probe.
func (f *keyFilter) block(key []byte) (*keyBlock, uint64) {
	h := maphash.Bytes(f.seed, key)
	at, _ := bits.Mul64(h, uint64(len(f.blocks)))
	return &f.blocks[at], h * 0x9e3779b97f4a7c15
}

func (f *keyFilter) has(key []byte) bool {
	block, h := f.block(key)
	for range keyProbes {
		if block[h&7]&(1<<(h>>3&63)) == 0 {
			return false
		}
		h >>= 9
	}
	return true
}

func (f *keyFilter) add(key []byte) {
	block, h := f.block(key)
	fresh := false
	for range keyProbes {
		bit := uint64(1) << (h >> 3 & 63)
		fresh = fresh || block[h&7]&bit == 0
		block[h&7] |= bit
		h >>= 9
	}
	if fresh {
		f.keys++
	}
}
