package main

import (
	"encoding/binary"
	"time"

	"headwater.internal/platform/processors/internal/stream"
)

// The state's keys begin with what they are about. Days come next, so that all
// of a day lies together.
const (
	spaceCounter = 'c' // + day, window, start, type: counter; all time has a day of its own
	spaceDay     = 'd' // + day: whether it is still counted
	spacePersons = 'n' // how many persons there are
	spacePerson  = 'p' // + key: person
	spaceShares  = 'k' // + day, key: shares
	spaceEver    = 'e' // + customer: types it was ever seen with
	spaceSeen    = 's' // + day, hour or wholeDay, customer: types it was seen with
	spaceType    = 't' // + type: its number; without a type: how many there are
)

// allTimeDay is the day under which counters of all time stand: after all others.
const allTimeDay = never

func appendMillis(k []byte, millis int64) []byte {
	return binary.BigEndian.AppendUint64(k, uint64(millis)^1<<63) //nolint:gosec // the sign bit is flipped so that times sort
}

func millisOf(k []byte) int64 {
	return int64(binary.BigEndian.Uint64(k) ^ 1<<63) //nolint:gosec // the reverse of appendMillis
}

// counter is the count of one window. Times are Unix milliseconds.
type counter struct {
	due                                           int64 // clock at which it is final
	final                                         bool
	updated, revision, events, customers, revenue int64
}

func counterKey(w window, start time.Time, name string) []byte {
	k := append(make([]byte, 0, 18+len(name)), spaceCounter)
	if w == allTime {
		k = appendMillis(k, allTimeDay)
	} else {
		k = appendMillis(k, day.start(start).UnixMilli())
	}
	k = append(k, byte(w))
	k = appendMillis(k, start.UnixMilli())
	return append(k, name...)
}

func parseCounterKey(k []byte) (w window, start time.Time, name string) {
	return window(k[9]), time.UnixMilli(millisOf(k[10:18])).UTC(), string(k[18:])
}

func (c *counter) encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 40), uint64(c.due)) //nolint:gosec // kept bit by bit
	if c.final {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	for _, n := range [...]int64{c.updated, c.revision, c.events, c.customers, c.revenue} {
		b = binary.AppendVarint(b, n)
	}
	return b
}

// decodeCounter reads what encode wrote; a counter that is not there is zero.
func decodeCounter(b []byte) (c counter) {
	if b == nil {
		return c
	}
	c.due, c.final = decodeDue(b), b[8] == 1
	b = b[9:]
	for _, field := range [...]*int64{&c.updated, &c.revision, &c.events, &c.customers, &c.revenue} {
		v, n := binary.Varint(b)
		*field, b = v, b[n:]
	}
	return c
}

func decodeDue(b []byte) int64 {
	return int64(binary.BigEndian.Uint64(b)) //nolint:gosec // kept bit by bit
}

// States of a day.
const (
	dayLive     = 0
	dayDropping = 1
	dayDropped  = 2
)

func dayKey(start time.Time) []byte {
	return appendMillis([]byte{spaceDay}, start.UnixMilli())
}

func dayOf(k []byte) int64 { return millisOf(k[1:9]) }

func encodeDay(due int64, state byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(due)), state) //nolint:gosec // kept bit by bit
}

func dayState(b []byte) byte { return b[8] }

// dayRange is where a space's keys of one day lie.
func dayRange(space byte, start int64) (from, to []byte) {
	return appendMillis([]byte{space}, start), appendMillis([]byte{space}, start+1)
}

// typeID numbers the event types of a partition in the order in which they came.
func typeID(tx *stream.Tx, name string) uint64 {
	k := append([]byte{spaceType}, name...)
	if value := tx.Get(k); value != nil {
		id, _ := binary.Uvarint(value)
		return id
	}
	count := []byte{spaceType}
	id, _ := binary.Uvarint(tx.Get(count))
	tx.Put(k, binary.AppendUvarint(nil, id))
	tx.Put(count, binary.AppendUvarint(nil, id+1))
	return id
}
