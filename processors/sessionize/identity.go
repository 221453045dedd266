package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"headwater.internal/platform/processors/internal/identity"
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/processors/internal/window"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
	"headwater.internal/platform/schemas/repartition"
)

// visit merges one event into the pieces of its key that have its origin.
func (r rule) visit(tx *stream.Tx, p *person, e *processed.CustomerEvent, anonymous bool) stream.Verdict {
	at := e.Time.UnixMilli()
	var touched []int
	for i := range p.pieces {
		of := &p.pieces[i]
		if of.path != nil || of.known == anonymous || !r.gap.Near(of.span(), window.At(at)) {
			continue
		}
		if of.state == dropped {
			return stream.Late
		}
		touched = append(touched, i)
	}
	slices.SortFunc(touched, func(a, b int) int { return int(p.pieces[a].start - p.pieces[b].start) })
	merged := piece{known: !anonymous, session: session{
		customer: p.key, id: sessionID(e), start: at, end: at, due: never,
	}}
	if len(touched) > 0 {
		merged = p.pieces[touched[0]]
		for _, i := range touched[1:] {
			merged.absorb(p.pieces[i].session)
			if v := r.pass(tx, p, &p.pieces[i], p.Link, true); !v.OK() {
				return v
			}
		}
	}
	merged.add(e, at)
	slices.Sort(touched)
	for _, i := range slices.Backward(touched) {
		p.pieces = slices.Delete(p.pieces, i, i+1)
	}
	if v := r.pass(tx, p, &merged, p.Link, false); !v.OK() {
		return v
	}
	p.pieces = append(p.pieces, merged)
	return r.keep(tx, p)
}

// link notes who an anonymous id is. A link that beats the one before takes the
// id's pieces from one customer to the other.
func (r rule) link(tx *stream.Tx, in *stream.Input) stream.Verdict {
	if in.Value == nil {
		return stream.Applied // a link that was deleted takes nothing back
	}
	var l processed.IdentityLink
	if v := in.Decode(&l); !v.OK() {
		return v
	}
	link := identity.Link{Customer: l.Customer, Time: l.LinkedTime.UnixMilli()}
	if l.AnonymousID == "" || l.AnonymousID == l.Customer {
		return stream.Applied
	}
	p := r.find(tx, l.AnonymousID)
	if p != nil && !link.Beats(p.Link) {
		return stream.Applied
	}
	if p == nil {
		p = r.takeOver(tx, l.AnonymousID)
	}
	before := p.Link
	p.Link = link
	for i := range p.pieces {
		of := &p.pieces[i]
		if of.state == dropped || p.next(of, before) == p.next(of, link) {
			continue
		}
		if v := r.pass(tx, p, of, before, true); !v.OK() {
			return v
		}
		if v := r.pass(tx, p, of, link, false); !v.OK() {
			return v
		}
	}
	return r.keep(tx, p)
}

// receive takes a piece from another key, or gives it up again.
func (r rule) receive(tx *stream.Tx, in *stream.Input) stream.Verdict {
	var m repartition.SessionPiece
	if v := in.Decode(&m); !v.OK() {
		return v
	}
	var pieceID id
	if n, err := hex.Decode(pieceID[:], []byte(m.PieceID)); err != nil || n != len(pieceID) || len(m.Path) == 0 {
		return stream.DeadLetter(stream.BadPayload, "piece %q by path %q: an id of 32 hex digits and a path are needed", m.PieceID, m.Path)
	}
	p := r.takeOver(tx, m.Customer)
	if !p.First(m.Path[len(m.Path)-1], m.Sequence) {
		return stream.Duplicate
	}
	p.until = tx.Clock().Add(r.memory).UnixMilli()
	at := slices.IndexFunc(p.pieces, func(of piece) bool { return of.id == pieceID && slices.Equal(of.path, m.Path) })
	switch {
	case at >= 0 && p.pieces[at].state == dropped:
		p.save(tx)
		return stream.Late
	case at >= 0 && m.Withdrawn:
		if v := r.pass(tx, p, &p.pieces[at], p.Link, true); !v.OK() {
			return v
		}
		p.pieces = slices.Delete(p.pieces, at, at+1)
	case !m.Withdrawn:
		of := piece{path: m.Path, session: received(p.key, pieceID, &m)}
		if v := r.pass(tx, p, &of, p.Link, false); !v.OK() {
			return v
		}
		if at >= 0 {
			p.pieces[at] = of
		} else {
			p.pieces = append(p.pieces, of)
		}
	}
	return r.keep(tx, p)
}

func received(customer string, pieceID id, m *repartition.SessionPiece) session {
	s := session{
		customer: customer, id: pieceID, start: m.Start.UnixMilli(), end: m.End.UnixMilli(),
		events: m.Events, pageViews: m.PageViews, revenue: m.RevenueMicros, due: never,
	}
	for name, n := range m.Types {
		s.count(name, n)
	}
	return s
}

// pass tells the key that the piece goes to from here, if it goes anywhere, what
// it is now, or that it is not to have it.
func (r rule) pass(tx *stream.Tx, p *person, of *piece, link identity.Link, withdrawn bool) stream.Verdict {
	of.due = never
	to := p.next(of, link)
	if to == "" {
		return stream.Applied
	}
	// What has gone on is kept as long as what stays: a better link may turn up.
	of.due = tx.Clock().Add(r.retention).UnixMilli()
	m := &repartition.SessionPiece{
		Customer: to, Path: p.route(of), Sequence: p.Next(), PieceID: of.id.String(), Withdrawn: withdrawn,
		Start: time.UnixMilli(of.start).UTC(), End: time.UnixMilli(of.end).UTC(), Types: map[string]int64{},
	}
	if !withdrawn {
		m.Events, m.PageViews, m.RevenueMicros = of.events, of.pageViews, of.revenue
		for _, t := range of.types {
			m.Types[t.name] = t.count
		}
	}
	if err := tx.Append(repartition.SessionPieceTopic, []byte(to), m, nil); err != nil {
		return stream.DeadLetter(stream.RuleError, "%v", err)
	}
	return stream.Applied
}

// keep shows what has changed and saves the person.
func (r rule) keep(tx *stream.Tx, p *person) stream.Verdict {
	r.show(tx, p)
	p.save(tx)
	return stream.Applied
}

func (p *person) save(tx *stream.Tx) { tx.Put(personKey(p.key), p.encode()) }

// show makes the sessions of the pieces that are here. One that takes the place
// of several shown before keeps the id of the earliest; of several that take the
// place of one, the earliest keeps its id.
func (r rule) show(tx *stream.Tx, p *person) {
	var here []*piece
	for i := range p.pieces {
		if of := &p.pieces[i]; of.state != dropped && p.next(of, p.Link) == "" {
			here = append(here, of)
		}
	}
	before := p.shown
	p.shown = make([]session, 0, len(before)+1)
	for _, group := range window.Groups(r.gap, here, func(of *piece) window.Span { return of.span() }) {
		s := session{customer: p.key, start: group[0].start, end: group[0].end}
		for _, of := range group {
			s.absorb(of.session)
		}
		var was []session
		before = slices.DeleteFunc(before, func(old session) bool {
			if old.span().Meets(s.span()) {
				was = append(was, old)
				return true
			}
			return false
		})
		p.shown = append(p.shown, r.replace(tx, p, s, was, group[0]))
	}
	for i := range before {
		tx.Upsert(aggregates.SessionTopic, []byte(before[i].id.String()), nil)
	}
}

// replace shows a session in the place of those that were shown before, in the
// order of their start. first is its earliest piece.
func (r rule) replace(tx *stream.Tx, p *person, s session, was []session, first *piece) session {
	s.revision = 0
	for i := range was {
		s.revision = max(s.revision, was[i].revision)
		if i > 0 {
			tx.Upsert(aggregates.SessionTopic, []byte(was[i].id.String()), nil)
		}
	}
	switch {
	case len(was) == 1 && s.sameAs(&was[0]):
		return was[0]
	case len(was) > 0:
		s.id = was[0].id
	case first.path == nil && !first.used:
		s.id, first.used = first.id, true
	default:
		p.minted++
		s.id = mint(p.key, first.id, p.minted)
	}
	s.state, s.updated = open, tx.Clock().UnixMilli()
	s.revision++
	s.due = r.finalAt(s)
	r.publish(tx, &s)
	return s
}

// mint makes an id of a session that began with another key's events. That key's
// own id has had its tombstone in another partition, in which nobody can tell it
// from a later life here.
func mint(key string, first id, n int64) (i id) {
	h := sha256.Sum256(identity.AppendString(binary.AppendVarint(first[:len(first):len(first)], n), key))
	copy(i[:], h[:])
	return i
}

// sameAs says whether both tell the same of the same events.
func (s *session) sameAs(other *session) bool {
	return s.span() == other.span() && s.events == other.events && s.pageViews == other.pageViews &&
		s.revenue == other.revenue && slices.Equal(s.types, other.types)
}

func (r rule) publish(tx *stream.Tx, s *session) {
	tx.Upsert(aggregates.SessionTopic, []byte(s.id.String()), s.record(tx.Clock()))
}

// wakePerson takes what is due to its next state, and lets go of a person of
// whom nothing is left that others do not have as well.
func (r rule) wakePerson(tx *stream.Tx, p *person) {
	now := tx.Clock().UnixMilli()
	p.shown = slices.DeleteFunc(p.shown, func(s session) bool {
		if s.due <= now && s.state == final {
			r.dropShown(p, &s, now)
			return true
		}
		return false
	})
	for i := range p.shown {
		if s := &p.shown[i]; s.due <= now {
			s.state = final
			s.revision++
			s.due = s.updated + r.retention.Milliseconds()
			r.publish(tx, s)
		}
	}
	p.pieces = slices.DeleteFunc(p.pieces, func(of piece) bool { return of.due <= now && of.state == dropped })
	for i := range p.pieces {
		if of := &p.pieces[i]; of.due <= now {
			of.drop(now, r.memory)
		}
	}
	if p.until <= now {
		p.until = 0
		p.Forget()
	}
	foreign := slices.ContainsFunc(p.pieces, func(of piece) bool { return !of.known })
	if p.until == 0 && p.Link.Customer == "" && !foreign {
		r.letGo(tx, p)
		return
	}
	p.save(tx)
}

// dropShown drops the pieces that a session is made of.
func (r rule) dropShown(p *person, s *session, now int64) {
	for i := range p.pieces {
		of := &p.pieces[i]
		if of.state != dropped && of.span().Meets(s.span()) && p.next(of, p.Link) == "" {
			of.drop(now, r.memory)
		}
	}
}

// drop leaves nothing of the piece but its interval, for so long.
func (p *piece) drop(now int64, memory time.Duration) {
	p.session = session{
		customer: p.customer, id: p.id, start: p.start, end: p.end, state: dropped, due: now + memory.Milliseconds(),
	}
}
