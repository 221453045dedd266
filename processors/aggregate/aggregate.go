package main

import (
	"bytes"
	"strconv"
	"time"

	"headwater.internal/platform/processors/internal/identity"
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
	"headwater.internal/platform/schemas/repartition"
)

// rule counts each event in eight windows: minute, hour, day and all time of its
// event time, for its type and for all types together.
//
// The day is the unit in which state is kept and let go: it goes with its hours
// and minutes when it is over and nothing has been counted in it for the
// retention. An event of such a day is late, for as long as the memory lasts, and
// counts nowhere.
type rule struct {
	grace, settle, retention, memory time.Duration
}

// allTypes stands for all event types together.
const allTypes = "*"

func newRule(s *stream.Settings) stream.Rule {
	return rule{
		grace:     s.Duration("HEADWATER_GRACE", time.Minute, "a window is final this long after its end"),
		settle:    s.Duration("HEADWATER_SETTLE", 10*time.Second, "and once it has been quiet for this long"),
		retention: s.Duration("HEADWATER_FINAL_RETENTION", 24*time.Hour, "a day takes more events for this long since its last came"),
		memory:    s.Duration("HEADWATER_LATE_MEMORY", 7*24*time.Hour, "then an event of it is late, for this long"),
	}
}

// Apply takes one record of any input.
func (r rule) Apply(tx *stream.Tx, in *stream.Input) stream.Verdict {
	switch in.Topic {
	case processed.IdentityLinkTopic:
		return r.link(tx, in)
	case repartition.CountChangeTopic:
		return r.receive(tx, in)
	}
	var e processed.CustomerEvent
	if v := in.Decode(&e); !v.OK() {
		return v
	}
	if identity.Anonymous(e.Customer, e.AnonymousID) {
		return r.anonymous(tx, &e)
	}
	return r.event(tx, &e)
}

// event counts one event of a customer.
func (r rule) event(tx *stream.Tx, e *processed.CustomerEvent) stream.Verdict {
	at := e.Time.UTC()
	now := tx.Clock().UnixMilli()
	if !r.touchDay(tx, at, now) {
		return stream.Late
	}
	one := counter{events: 1, updated: now}
	if e.RevenueMicros != nil {
		one.revenue = *e.RevenueMicros
	}
	for _, name := range [...]string{e.Type, allTypes} {
		id := typeID(tx, name)
		fresh := firstSeen(tx, e.Customer, id, at)
		if fresh[minute] {
			if p := find(tx, e.Customer); p != nil {
				mask(tx, p, name, at, &fresh)
			}
		}
		for _, w := range windows {
			one.customers = 0
			if fresh[w] {
				one.customers = 1
			}
			r.count(tx, counterKey(w, w.start(at), name), w, at, one)
		}
	}
	return stream.Applied
}

// touchDay notes that the day is in use; false when it has been dropped.
func (r rule) touchDay(tx *stream.Tx, at time.Time, now int64) bool {
	k := dayKey(day.start(at))
	value := tx.Get(k)
	if value != nil && dayState(value) != dayLive {
		return false
	}
	due := max(now, day.end(at).Add(r.grace).UnixMilli()) + r.retention.Milliseconds()
	// To the second is exact enough, and spares a change per event.
	if value == nil || due-decodeDue(value) >= time.Second.Milliseconds() {
		tx.Put(k, encodeDay(due, dayLive))
	}
	return true
}

func (r rule) count(tx *stream.Tx, k []byte, w window, at time.Time, one counter) {
	c := decodeCounter(tx.Get(k))
	c.events += one.events
	c.customers += one.customers
	c.revenue += one.revenue
	c.updated = one.updated
	c.revision++
	c.final = false
	c.due = never
	if w != allTime {
		c.due = max(w.end(at).Add(r.grace).UnixMilli(), c.updated+r.settle.Milliseconds())
	}
	tx.Put(k, c.encode())
}

// Due is when a window becomes final and when a day is dropped or forgotten.
func (r rule) Due(k, value []byte) (time.Time, bool) {
	if k[0] != spaceCounter && k[0] != spaceDay && k[0] != spacePerson {
		return time.Time{}, false
	}
	due := decodeDue(value)
	return time.UnixMilli(due), due != never
}

// Wake makes a window final, or takes a day one step further.
func (r rule) Wake(tx *stream.Tx, k, value []byte) {
	switch k[0] {
	case spaceDay:
		r.dropDay(tx, k, value)
		return
	case spacePerson: // its senders have long been silent
		p := findOrMake(tx, string(k[1:]))
		p.until = never
		p.Forget()
		p.save(tx)
		return
	}
	c := decodeCounter(value)
	c.final = true
	c.revision++
	c.due = never
	tx.Put(k, c.encode())
}

// dropDay takes a day one step further: it is closed, what the state holds of it
// is deleted, a part at each call, and that there was one is remembered for a
// while. Closing is a transaction of its own, in which windows that the clock
// has passed in one leap with their day are still published as final.
func (r rule) dropDay(tx *stream.Tx, k, value []byte) {
	const part = 2_000
	soon := tx.Clock().UnixMilli() + 1
	switch dayState(value) {
	case dayLive:
		tx.Put(k, encodeDay(soon, dayDropping))
		return
	case dayDropped:
		tx.Delete(k)
		return
	}
	start := dayOf(k)
	var keys [][]byte
	for _, space := range []byte{spaceCounter, spaceSeen, spaceShares} {
		from, to := dayRange(space, start)
		for old := range tx.Scan(from, to) {
			if len(keys) == part {
				break
			}
			keys = append(keys, bytes.Clone(old))
		}
	}
	for _, old := range keys {
		if old[0] == spaceShares {
			forgetShares(tx, old)
			continue
		}
		tx.Delete(old)
	}
	if len(keys) == part {
		tx.Put(k, encodeDay(soon, dayDropping))
		return
	}
	tx.Put(k, encodeDay(tx.Clock().Add(r.memory).UnixMilli(), dayDropped))
}

// Seal publishes the windows that changed.
func (r rule) Seal(tx *stream.Tx) {
	for k, value := range tx.Changed([]byte{spaceCounter}) {
		w, start, name := parseCounterKey(k)
		c := decodeCounter(value)
		record := &aggregates.EventCount{
			Type: name, Window: w.name(), Start: start, Partition: tx.Partition(),
			Events: c.events, UniqueCustomers: c.customers, RevenueMicros: c.revenue,
			Revision: c.revision, State: aggregates.CountStateOpen, UpdatedTime: tx.Clock(),
		}
		if c.final {
			record.State = aggregates.CountStateFinal
		}
		tx.Upsert(aggregates.EventCountTopic, outputKey(name, w, start, tx.Partition()), record)
	}
}

// outputKey is `<type>/<window>/<start>/<partition>`.
func outputKey(name string, w window, start time.Time, partition int32) []byte {
	k := append(make([]byte, 0, len(name)+48), name...)
	k = append(append(append(k, '/'), w.lower()...), '/')
	k = append(start.AppendFormat(k, time.RFC3339), '/')
	return strconv.AppendInt(k, int64(partition), 10)
}
