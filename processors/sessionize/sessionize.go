package main

import (
	"slices"
	"time"

	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
)

// rule merges events into sessions. Two events belong to one session when no
// more than the gap lies between them, or when events in between bridge it. The
// sessions that result do not depend on the order in which events arrive.
//
// A session passes through three states. Open: it grows. Final: its end, the gap
// and the grace have passed on the partition's clock and it has been quiet for
// the settle time; an event that touches it reopens it. Dropped: after the
// retention only its interval is remembered, and an event that touches that is
// late; after the memory nothing is.
type rule struct {
	gap, grace, settle, retention, memory time.Duration
}

func newRule(s *stream.Settings) stream.Rule {
	return rule{
		gap:       s.Duration("HEADWATER_SESSION_GAP", 30*time.Minute, "silence of exactly this still joins two events"),
		grace:     s.Duration("HEADWATER_GRACE", time.Minute, "a session is final this long after its end and the gap"),
		settle:    s.Duration("HEADWATER_SETTLE", 10*time.Second, "and once it has been quiet for this long"),
		retention: s.Duration("HEADWATER_FINAL_RETENTION", 24*time.Hour, "a final session can be reopened for this long since its last event came"),
		memory:    s.Duration("HEADWATER_LATE_MEMORY", 7*24*time.Hour, "then an event that touches it is late, for this long"),
	}
}

// Apply merges one event into its customer's sessions.
func (r rule) Apply(tx *stream.Tx, in *stream.Input) stream.Verdict {
	var e processed.CustomerEvent
	if v := in.Decode(&e); !v.OK() {
		return v
	}
	at := e.Time.UnixMilli()
	touched := r.touched(tx, e.Customer, at)
	for _, s := range touched {
		if s.state == dropped {
			return stream.Late
		}
	}
	merged := session{customer: e.Customer, id: sessionID(&e), start: at, end: at}
	if len(touched) > 0 {
		// The earliest start is the first: its id survives.
		merged = touched[0]
		for _, s := range touched[1:] {
			merged.absorb(s)
			tx.Upsert(aggregates.SessionTopic, []byte(s.id.String()), nil)
		}
		r.remove(tx, touched, at)
	}
	merged.add(&e, at)
	merged.state = open
	merged.revision++
	merged.updated = tx.Clock().UnixMilli()
	merged.due = r.finalAt(merged)
	tx.Put(key(merged.customer, merged.start), merged.encode())
	noteStart(tx, merged.customer, merged.start)
	return stream.Applied
}

// touched finds the sessions that an event at that time belongs to, at most two,
// in the order of their start. Sessions lie further apart than the gap, so only
// the one that starts before the event and the one after it can be near.
func (r rule) touched(tx *stream.Tx, customer string, at int64) []session {
	gap := r.gap.Milliseconds()
	starts := readStarts(tx, customer)
	next, _ := slices.BinarySearch(starts, at+1)
	near := make([]session, 0, 2)
	if next > 0 {
		k := key(customer, starts[next-1])
		if s := decode(k, tx.Get(k)); s.end+gap >= at {
			near = append(near, s)
		}
	}
	if next < len(starts) && starts[next] <= at+gap {
		k := key(customer, starts[next])
		near = append(near, decode(k, tx.Get(k)))
	}
	return near
}

// remove deletes the sessions whose place in the state is taken by the merged
// one or is no longer theirs.
func (r rule) remove(tx *stream.Tx, touched []session, at int64) {
	for i, s := range touched {
		if i > 0 || at < s.start {
			tx.Delete(key(s.customer, s.start))
			forgetStart(tx, s.customer, s.start)
		}
	}
}

func (r rule) finalAt(s session) int64 {
	return max(s.end+(r.gap+r.grace).Milliseconds(), s.updated+r.settle.Milliseconds())
}

// Due is when the session becomes final, is dropped or is forgotten.
func (r rule) Due(k, value []byte) (time.Time, bool) {
	if k[0] != spaceSession {
		return time.Time{}, false
	}
	return time.UnixMilli(decodeDue(value)), true
}

// Wake takes a session to its next state.
func (r rule) Wake(tx *stream.Tx, k, value []byte) {
	s := decode(k, value)
	switch s.state {
	case open:
		s.state = final
		s.revision++
		s.due = s.updated + r.retention.Milliseconds()
	case final:
		s = session{customer: s.customer, id: s.id, start: s.start, end: s.end, state: dropped}
		s.due = tx.Clock().Add(r.memory).UnixMilli()
	case dropped:
		tx.Delete(k)
		forgetStart(tx, s.customer, s.start)
		return
	}
	tx.Put(k, s.encode())
}

// Seal publishes the sessions that changed.
func (r rule) Seal(tx *stream.Tx) {
	for k, value := range tx.Changed([]byte{spaceSession}) {
		s := decode(k, value)
		if s.state != dropped {
			tx.Upsert(aggregates.SessionTopic, []byte(s.id.String()), s.record(tx.Clock()))
		}
	}
}
