package main

import (
	"slices"
	"time"

	"headwater.internal/platform/processors/internal/identity"
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/processors/internal/window"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
	"headwater.internal/platform/schemas/repartition"
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
	gap                              window.Session
	grace, settle, retention, memory time.Duration
}

func newRule(s *stream.Settings) stream.Rule {
	return rule{
		gap:       window.Session(s.Duration("HEADWATER_SESSION_GAP", 30*time.Minute, "silence of exactly this still joins two events")),
		grace:     s.Duration("HEADWATER_GRACE", time.Minute, "a session is final this long after its end and the gap"),
		settle:    s.Duration("HEADWATER_SETTLE", 10*time.Second, "and once it has been quiet for this long"),
		retention: s.Duration("HEADWATER_FINAL_RETENTION", 24*time.Hour, "a final session can be reopened for this long since its last event came"),
		memory:    s.Duration("HEADWATER_LATE_MEMORY", 7*24*time.Hour, "then an event that touches it is late, for this long"),
	}
}

// Apply takes one record of any input.
func (r rule) Apply(tx *stream.Tx, in *stream.Input) stream.Verdict {
	switch in.Topic {
	case processed.IdentityLinkTopic:
		return r.link(tx, in)
	case repartition.SessionPieceTopic:
		return r.receive(tx, in)
	}
	var e processed.CustomerEvent
	if v := in.Decode(&e); !v.OK() {
		return v
	}
	return r.event(tx, &e)
}

// event merges one event into its customer's sessions. Anonymous ids, and
// customers to whom an anonymous id's sessions came, are a [person].
func (r rule) event(tx *stream.Tx, e *processed.CustomerEvent) stream.Verdict {
	at := e.Time.UnixMilli()
	starts := readStarts(tx, e.Customer)
	if identity.Anonymous(e.Customer, e.AnonymousID) {
		return r.visit(tx, r.takeOver(tx, e.Customer), e, true)
	}
	if len(starts) == 0 {
		if p := r.find(tx, e.Customer); p != nil {
			return r.visit(tx, p, e, false)
		}
	}
	touched := r.touched(tx, e.Customer, at, starts)
	for _, s := range touched {
		if s.state == dropped {
			return stream.Late
		}
	}
	merged := session{customer: e.Customer, id: sessionID(e), start: at, end: at}
	if len(touched) > 0 {
		// The earliest start is the first: its id survives.
		merged = touched[0]
		for _, s := range touched[1:] {
			merged.absorb(s)
			tx.Upsert(aggregates.SessionTopic, []byte(s.id.String()), nil)
		}
		r.remove(tx, touched, at)
	}
	merged.add(e, at)
	merged.state = open
	merged.revision++
	merged.updated = tx.Clock().UnixMilli()
	merged.due = r.finalAt(merged)
	tx.Put(sessionKey(merged.customer, merged.start), merged.encode())
	noteStart(tx, merged.customer, merged.start)
	return stream.Applied
}

// touched finds the sessions that an event at that time belongs to, at most two,
// in the order of their start. Sessions lie further apart than the gap, so only
// the one that starts before the event and the one after it can be near.
func (r rule) touched(tx *stream.Tx, customer string, at int64, starts []int64) []session {
	next, _ := slices.BinarySearch(starts, at+1)
	near := make([]session, 0, 2)
	if next > 0 {
		k := sessionKey(customer, starts[next-1])
		if s := decode(k, tx.Get(k)); r.gap.Near(s.span(), window.At(at)) {
			near = append(near, s)
		}
	}
	if next < len(starts) && r.gap.Near(window.At(starts[next]), window.At(at)) {
		k := sessionKey(customer, starts[next])
		near = append(near, decode(k, tx.Get(k)))
	}
	return near
}

// remove deletes the sessions whose place in the state is taken by the merged
// one or is no longer theirs.
func (r rule) remove(tx *stream.Tx, touched []session, at int64) {
	for i, s := range touched {
		if i > 0 || at < s.start {
			tx.Delete(sessionKey(s.customer, s.start))
			forgetStart(tx, s.customer, s.start)
		}
	}
}

func (r rule) finalAt(s session) int64 {
	return max(s.end+(time.Duration(r.gap)+r.grace).Milliseconds(), s.updated+r.settle.Milliseconds())
}

// Due is when the session becomes final, is dropped or is forgotten.
func (r rule) Due(k, value []byte) (time.Time, bool) {
	if k[0] != spaceSession && k[0] != spacePerson {
		return time.Time{}, false
	}
	due := decodeDue(value)
	return time.UnixMilli(due), due != never
}

// Wake takes a session to its next state.
func (r rule) Wake(tx *stream.Tx, k, value []byte) {
	if k[0] == spacePerson {
		r.wakePerson(tx, decodePerson(k, value))
		return
	}
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
