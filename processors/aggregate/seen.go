package main

import (
	"encoding/binary"
	"time"

	"headwater.internal/platform/processors/internal/stream"
)

// Which customers a window has seen is kept by customer: for each hour the
// minutes, for each day and for all time the types. A minute that was seen
// implies its hour, its day and all time, so most events are settled by one
// look, and what is new by at most three.

// wholeDay stands in the place of the hour.
const wholeDay = 24

// firstSeen notes that the customer was seen with a type at that time and says
// for which windows it is the first time.
func firstSeen(tx *stream.Tx, customer string, id uint64, at time.Time) (fresh [len(windows)]bool) {
	k := seenKey(at, byte(at.Hour()), customer) //nolint:gosec // 0 to 23
	bit := uint64(1) << at.Minute()
	value := tx.Get(k)
	minutes, where := findType(value, id)
	if minutes&bit != 0 {
		return fresh
	}
	fresh[minute] = true
	tx.Put(k, set(value, id, minutes|bit, where))
	if minutes != 0 {
		return fresh
	}
	fresh[hour] = true
	if !note(tx, seenKey(at, wholeDay, customer), id) {
		return fresh
	}
	fresh[day] = true
	fresh[allTime] = noteEver(tx, customer, id)
	return fresh
}

// noteEver notes that the customer was seen with a type and says whether it is
// the first time.
func noteEver(tx *stream.Tx, customer string, id uint64) bool {
	return note(tx, append([]byte{spaceEver}, customer...), id)
}

// wasSeen says whether firstSeen noted the customer, with a type, in the window
// of that time.
func wasSeen(tx *stream.Tx, customer string, id uint64, w window, at time.Time) bool {
	k, want := seenKey(at, byte(at.Hour()), customer), ^uint64(0) //nolint:gosec // 0 to 23
	switch w {
	case minute:
		want = uint64(1) << at.Minute()
	case day:
		k = seenKey(at, wholeDay, customer)
	case allTime:
		k = append([]byte{spaceEver}, customer...)
	default:
	}
	bits, _ := findType(tx.Get(k), id)
	return bits&want != 0
}

// note adds a type to the set at k and says whether it was new there.
func note(tx *stream.Tx, k []byte, id uint64) bool {
	value := tx.Get(k)
	if bits, where := findType(value, id); bits == 0 {
		tx.Put(k, set(value, id, 1, where))
		return true
	}
	return false
}

func seenKey(at time.Time, hour byte, customer string) []byte {
	k := append(make([]byte, 0, 10+len(customer)), spaceSeen)
	k = appendMillis(k, day.start(at).UnixMilli())
	return append(append(k, hour), customer...)
}

// A set is a list of type numbers, each followed by eight bytes of bits.

// findType returns the bits of a type, and where they stand in the set; -1 when the
// type is not in it.
func findType(set []byte, id uint64) (bits uint64, where int) {
	for at := 0; at < len(set); {
		have, n := binary.Uvarint(set[at:])
		at += n
		if have == id {
			return binary.BigEndian.Uint64(set[at:]), at
		}
		at += 8
	}
	return 0, -1
}

// set returns a copy of the set with the bits of a type changed.
func set(old []byte, id, bits uint64, where int) []byte {
	b := append(make([]byte, 0, len(old)+10), old...)
	if where < 0 {
		b = binary.AppendUvarint(b, id)
		return binary.BigEndian.AppendUint64(b, bits)
	}
	binary.BigEndian.PutUint64(b[where:], bits)
	return b
}
