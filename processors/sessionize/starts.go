package main

import (
	"encoding/binary"
	"slices"

	"headwater.internal/platform/processors/internal/stream"
)

// The starts of a customer's sessions are kept in one value, in order: most
// customers have few, and looking one value up costs a small part of what an
// ordered read of the state costs. The value changes only when a session begins,
// grows at its front, is absorbed or is forgotten.

func startsKey(customer string) []byte {
	return append(append(make([]byte, 0, len(customer)+1), spaceStarts), customer...)
}

func readStarts(tx *stream.Tx, customer string) []int64 {
	b := tx.Get(startsKey(customer))
	if b == nil {
		return nil
	}
	starts := make([]int64, 0, len(b)/3+1)
	for at := int64(0); len(b) > 0; {
		step, n := binary.Varint(b)
		at, b = at+step, b[n:]
		starts = append(starts, at)
	}
	return starts
}

func writeStarts(tx *stream.Tx, customer string, starts []int64) {
	if len(starts) == 0 {
		tx.Delete(startsKey(customer))
		return
	}
	b := make([]byte, 0, 9+5*len(starts))
	for i, start := range starts {
		if i > 0 {
			start -= starts[i-1]
		}
		b = binary.AppendVarint(b, start)
	}
	tx.Put(startsKey(customer), b)
}

func noteStart(tx *stream.Tx, customer string, start int64) {
	starts := readStarts(tx, customer)
	if i, found := slices.BinarySearch(starts, start); !found {
		writeStarts(tx, customer, slices.Insert(starts, i, start))
	}
}

func forgetStart(tx *stream.Tx, customer string, start int64) {
	starts := readStarts(tx, customer)
	if i, found := slices.BinarySearch(starts, start); found {
		writeStarts(tx, customer, slices.Delete(starts, i, i+1))
	}
}
