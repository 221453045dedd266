package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"headwater.internal/platform/processors/internal/window"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
)

// session is one session as the state keeps it. Times are Unix milliseconds.
type session struct {
	customer   string
	id         id
	start, end int64 // event times of its first and last event
	state      state
	due        int64 // clock at which it passes to the next state
	updated    int64 // clock at its last event
	revision   int64
	events     int64
	pageViews  int64
	revenue    int64 // millionths
	types      []typeCount
}

type state byte

const (
	open state = iota
	final
	dropped // only the interval is left
)

type typeCount struct {
	name  string
	count int64
}

// id names a session for good. It comes from the event that began it.
type id [16]byte

func (i id) String() string { return hex.EncodeToString(i[:]) }

func sessionID(e *processed.CustomerEvent) (i id) {
	h := sha256.New()
	for _, part := range []string{e.Customer, e.Type, e.Source, e.ID} {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(part))) //nolint:gosec // a record is far below 4 GiB
		h.Write(n[:])
		h.Write([]byte(part))
	}
	copy(i[:], h.Sum(nil))
	return i
}

// The event types that count as page views.
const (
	pageViewed   = "browsing.page_viewed"
	screenViewed = "browsing.screen_viewed"
)

// add counts one event.
func (s *session) add(e *processed.CustomerEvent, at int64) {
	s.start, s.end = min(s.start, at), max(s.end, at)
	s.events++
	if e.Type == pageViewed || e.Type == screenViewed {
		s.pageViews++
	}
	if e.RevenueMicros != nil {
		s.revenue += *e.RevenueMicros
	}
	s.count(e.Type, 1)
}

// span is from the session's first event to its last.
func (s *session) span() window.Span { return window.Span{Start: s.start, End: s.end} }

// absorb takes in a later session whole.
func (s *session) absorb(later session) {
	s.start, s.end = min(s.start, later.start), max(s.end, later.end)
	s.events += later.events
	s.pageViews += later.pageViews
	s.revenue += later.revenue
	s.revision = max(s.revision, later.revision)
	for _, t := range later.types {
		s.count(t.name, t.count)
	}
}

func (s *session) count(name string, n int64) {
	i, found := slices.BinarySearchFunc(s.types, name, func(t typeCount, name string) int { return strings.Compare(t.name, name) })
	if !found {
		s.types = slices.Insert(s.types, i, typeCount{name: name})
	}
	s.types[i].count += n
}

// record is the session as it is published.
func (s *session) record(now time.Time) *aggregates.Session {
	r := &aggregates.Session{
		SessionID: s.id.String(), Customer: s.customer,
		Start: time.UnixMilli(s.start).UTC(), End: time.UnixMilli(s.end).UTC(),
		Events: s.events, PageViews: s.pageViews, RevenueMicros: s.revenue,
		Types:    make(map[string]int64, len(s.types)),
		Revision: s.revision, State: aggregates.SessionStateOpen, UpdatedTime: now,
	}
	if s.state == final {
		r.State = aggregates.SessionStateFinal
	}
	for _, t := range s.types {
		r.Types[t.name] = t.count
	}
	return r
}

// The state's keys begin with what they are about.
const (
	spaceSession = 's' // + customer, start: session
	spaceStarts  = 'i' // + customer: when the customer's sessions start
	spacePerson  = 'p' // + key: person, instead of the two above
	spacePersons = 'n' // how many persons there are
)

// sessionKey is where the customer's session of that start stands.
func sessionKey(customer string, start int64) []byte {
	k := append(make([]byte, 0, len(customer)+9), spaceSession)
	k = append(k, customer...)
	return binary.BigEndian.AppendUint64(k, uint64(start)) //nolint:gosec // kept bit by bit
}

// encode writes what decode reads. The time that is due comes first: it is asked
// for at each change.
func (s *session) encode() []byte { return s.append(make([]byte, 0, 96)) }

func (s *session) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(s.due)) //nolint:gosec // kept bit by bit
	b = append(b, byte(s.state))
	b = append(b, s.id[:]...)
	for _, n := range []int64{s.end, s.updated, s.revision, s.events, s.pageViews, s.revenue, int64(len(s.types))} {
		b = binary.AppendVarint(b, n)
	}
	for _, t := range s.types {
		b = binary.AppendUvarint(b, uint64(len(t.name)))
		b = append(b, t.name...)
		b = binary.AppendVarint(b, t.count)
	}
	return b
}

func decodeDue(value []byte) int64 {
	return int64(binary.BigEndian.Uint64(value)) //nolint:gosec // kept bit by bit
}

func decode(k, value []byte) session {
	split := len(k) - 8
	s := session{
		customer: string(k[1:split]),
		start:    int64(binary.BigEndian.Uint64(k[split:])), //nolint:gosec // kept bit by bit
		due:      decodeDue(value), state: state(value[8]), id: id(value[9:25]),
	}
	s.read(value[25:])
	return s
}

// read takes what append wrote, from the end on, and returns what comes after.
func (s *session) read(b []byte) (rest []byte) {
	next := func() int64 {
		v, n := binary.Varint(b)
		b = b[n:]
		return v
	}
	for _, field := range []*int64{&s.end, &s.updated, &s.revision, &s.events, &s.pageViews, &s.revenue} {
		*field = next()
	}
	if types := next(); types > 0 {
		s.types = make([]typeCount, types, types+1)
	}
	for i := range s.types {
		length, n := binary.Uvarint(b)
		b = b[n:]
		s.types[i].name, b = string(b[:length]), b[length:]
		s.types[i].count = next()
	}
	return b
}
