package main

import (
	"slices"
	"time"

	"headwater.internal/platform/processors/internal/identity"
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/schemas/processed"
	"headwater.internal/platform/schemas/repartition"
)

// anonymous counts an event whose sender named no customer.
func (r rule) anonymous(tx *stream.Tx, e *processed.CustomerEvent) stream.Verdict {
	at := e.Time.UTC()
	start := day.start(at).UnixMilli()
	one := entry{name: e.Type, minute: (at.UnixMilli() - start) / time.Minute.Milliseconds(), events: 1}
	if e.RevenueMicros != nil {
		one.revenue = *e.RevenueMicros
	}
	return r.change(tx, findOrMake(tx, e.Customer), start, nil, []entry{one})
}

// receive takes from another key what its events add to this one's counts, or
// take from them.
func (r rule) receive(tx *stream.Tx, in *stream.Input) stream.Verdict {
	var m repartition.CountChange
	if v := in.Decode(&m); !v.OK() {
		return v
	}
	if len(m.Path) == 0 {
		return stream.DeadLetter(stream.BadPayload, "the path is empty")
	}
	p := findOrMake(tx, m.Customer)
	if !p.First(m.Path[len(m.Path)-1], m.Sequence) {
		return stream.Duplicate
	}
	p.until = tx.Clock().Add(r.memory).UnixMilli()
	changes := make([]entry, len(m.Minutes))
	for i, c := range m.Minutes {
		changes[i] = entry{c.Type, int64(c.Minute), c.Events, c.RevenueMicros}
	}
	return r.change(tx, p, m.Day.UnixMilli(), m.Path, changes)
}

// change adds to the share of an origin in one day, and to the counts where it
// belongs: here, or further on.
func (r rule) change(tx *stream.Tx, p *person, start int64, path []string, changes []entry) stream.Verdict {
	if !r.touchDay(tx, time.UnixMilli(start).UTC(), tx.Clock().UnixMilli()) {
		p.save(tx)
		return stream.Late
	}
	shares := readShares(tx, start, p.key)
	at := slices.IndexFunc(shares, func(s share) bool { return slices.Equal(s.path, path) })
	if at < 0 {
		at = len(shares)
		shares = append(shares, share{path: path})
	}
	before := slices.Clone(shares)
	shares[at].entries = shares[at].plus(changes)
	if to := p.next(&shares[at], p.Link); to == "" {
		r.recount(tx, p, start, p.here(before, p.Link), p.here(shares, p.Link), changes)
	} else if v := p.send(tx, to, &shares[at], start, changes); !v.OK() {
		return v
	}
	p.writeShares(tx, start, shares)
	p.save(tx)
	return stream.Applied
}

// link notes who an anonymous id is. A link that beats the one before takes what
// the id counts from one customer to the other.
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
	p := findOrMake(tx, l.AnonymousID)
	if !link.Beats(p.Link) {
		return stream.Applied
	}
	p.before, p.Link = p.Link, link
	for _, p.upTo = range p.days {
		if v := r.move(tx, p, p.upTo); !v.OK() {
			return v
		}
	}
	p.save(tx)
	return stream.Applied
}

// move takes one day's shares from where the link before had them.
func (r rule) move(tx *stream.Tx, p *person, start int64) stream.Verdict {
	if !r.touchDay(tx, time.UnixMilli(start).UTC(), tx.Clock().UnixMilli()) {
		return stream.Applied // its counts stand as they are
	}
	shares := readShares(tx, start, p.key)
	var changes []entry // of what is counted here
	for i := range shares {
		s := &shares[i]
		from, to := p.next(s, p.before), p.next(s, p.Link)
		if from == to {
			continue
		}
		if from == "" {
			changes = append(changes, negative(s.entries)...)
		} else if v := p.send(tx, from, s, start, negative(s.entries)); !v.OK() {
			return v
		}
		if to == "" {
			changes = append(changes, s.entries...)
		} else if v := p.send(tx, to, s, start, s.entries); !v.OK() {
			return v
		}
	}
	r.recount(tx, p, start, p.here(shares, p.before), p.here(shares, p.Link), changes)
	return stream.Applied
}

// maxChanges keeps a record far below the largest that the topic takes.
const maxChanges = 2_000

// send tells a key what a share's events add to its counts.
func (p *person) send(tx *stream.Tx, to string, s *share, start int64, changes []entry) stream.Verdict {
	for part := range slices.Chunk(changes, maxChanges) {
		m := &repartition.CountChange{
			Customer: to, Path: p.route(s), Sequence: p.Next(), Day: time.UnixMilli(start).UTC(),
			Minutes: make([]repartition.MinuteChange, len(part)),
		}
		for i, c := range part {
			m.Minutes[i] = repartition.MinuteChange{
				Type: c.name, Minute: int32(c.minute), Events: c.events, RevenueMicros: c.revenue, //nolint:gosec // below 1440
			}
		}
		if err := tx.Append(repartition.CountChangeTopic, []byte(to), m, nil); err != nil {
			return stream.DeadLetter(stream.RuleError, "%v", err)
		}
	}
	return stream.Applied
}

// counted names one counter.
type counted struct {
	w     window
	start int64
	name  string
}

// recount adds the changes of a day to this partition's counters. was and is are
// the day's shares that are counted here: where one of them, or the key's own
// events, has some of a window, the key is one of its customers.
func (r rule) recount(tx *stream.Tx, p *person, start int64, was, is []share, changes []entry) {
	sums := make(map[counted]counter)
	var order []counted
	for _, c := range changes {
		at := start + c.minute*time.Minute.Milliseconds()
		for _, name := range [...]string{c.name, allTypes} {
			for _, w := range windows {
				id := counted{w, w.startMillis(at), name}
				sum, known := sums[id]
				if !known {
					order = append(order, id)
					sum.due = at // an instant of the window
				}
				sum.events += c.events
				sum.revenue += c.revenue
				sums[id] = sum
			}
		}
	}
	for _, id := range order {
		sum := sums[id]
		at := time.UnixMilli(sum.due).UTC()
		if !r.knows(tx, p, id, start, at) {
			sum.customers = holding(is, start, id) - holding(was, start, id)
		}
		sum.updated = tx.Clock().UnixMilli()
		r.count(tx, counterKey(id.w, id.w.start(at), id.name), id.w, at, sum)
	}
}

// holding is 1 when one of the shares has events of what is counted, else 0.
func holding(shares []share, day int64, id counted) int64 {
	if slices.ContainsFunc(shares, func(s share) bool { return s.holds(day, id.name, id.w, id.start) }) {
		return 1
	}
	return 0
}

// knows says whether the key is a customer of the window whatever the shares of
// the day are: by events that named it, or, of all time, by other days.
func (r rule) knows(tx *stream.Tx, p *person, id counted, start int64, at time.Time) bool {
	if wasSeen(tx, p.key, typeID(tx, id.name), id.w, at) {
		return true
	}
	if id.w != allTime {
		return false
	}
	return slices.ContainsFunc(p.days, func(other int64) bool {
		return other != start && holding(p.here(readShares(tx, other, p.key), p.linkOn(other)), other, id) > 0
	})
}

// mask takes from the windows in which the key was first seen by an event that
// named it those of which shares made it a customer before.
func mask(tx *stream.Tx, p *person, name string, at time.Time, fresh *[len(windows)]bool) {
	for _, start := range p.days {
		shares := p.here(readShares(tx, start, p.key), p.Link)
		for _, w := range windows {
			if fresh[w] && holding(shares, start, counted{w, w.startMillis(at.UnixMilli()), name}) > 0 {
				fresh[w] = false
			}
		}
	}
}

// forgetShares is what remains of a day's shares when the day is dropped: that
// the key was seen at all.
func forgetShares(tx *stream.Tx, k []byte) {
	key := string(k[9:])
	p := findOrMake(tx, key)
	for _, s := range p.here(decodeShares(tx.Get(k)), p.Link) {
		for _, e := range s.entries {
			noteEver(tx, key, typeID(tx, e.name))
		}
		if len(s.entries) > 0 {
			noteEver(tx, key, typeID(tx, allTypes))
		}
	}
	p.writeShares(tx, dayOf(k), nil)
	p.save(tx)
}
