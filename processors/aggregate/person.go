package main

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"headwater.internal/platform/processors/internal/identity"
	"headwater.internal/platform/processors/internal/stream"
)

// person is what the state holds of a key that identity concerns: an anonymous
// id, or a customer to whom an anonymous id's counts came. What it counts is
// kept by day and origin, so that it can be taken from one customer and given to
// another.
type person struct {
	identity.Node

	key   string
	until int64   // clock until which senders' sequences are remembered; never when there are none
	days  []int64 // of which shares are kept

	// While a link moves the days one after the other, those after upTo still lie
	// as the link before had them.
	before identity.Link
	upTo   int64
}

// share is what one origin counts in one day at one key.
type share struct {
	path    []string // the keys by which it came; nil for own anonymous events
	entries []entry
}

// entry is the events of one type in one minute of the day.
type entry struct {
	name            string
	minute          int64
	events, revenue int64
}

// never is the due time of what is not to be woken, and the time of what is not
// remembered.
const never = math.MaxInt64

func (p *person) next(s *share, link identity.Link) string {
	return identity.Route(p.route(s), link)
}

// route is the share's path with this key at its end.
func (p *person) route(s *share) []string {
	return append(append(make([]string, 0, len(s.path)+1), s.path...), p.key)
}

// linkOn is the link that the day's shares follow.
func (p *person) linkOn(day int64) identity.Link {
	if day > p.upTo {
		return p.before
	}
	return p.Link
}

// here are the shares that are counted at this key under a link.
func (p *person) here(shares []share, link identity.Link) []share {
	return slices.DeleteFunc(slices.Clone(shares), func(s share) bool { return p.next(&s, link) != "" })
}

func personKey(key string) []byte {
	return append(append(make([]byte, 0, len(key)+1), spacePerson), key...)
}

// find reads the person of the key; nil when there is none. While a partition
// has no person at all that costs no look at the disk.
func find(tx *stream.Tx, key string) *person {
	if persons(tx) == 0 {
		return nil
	}
	value := tx.Get(personKey(key))
	if value == nil {
		return nil
	}
	p := &person{key: key, until: decodeDue(value), upTo: never}
	c := identity.Cursor(value[8:])
	p.Read(&c)
	p.days = make([]int64, c.Len())
	for i := range p.days {
		p.days[i] = c.Int()
	}
	return p
}

// findOrMake makes the person where there is none. Only save counts it.
func findOrMake(tx *stream.Tx, key string) *person {
	if p := find(tx, key); p != nil {
		return p
	}
	return &person{key: key, until: never, upTo: never}
}

func (p *person) save(tx *stream.Tx) {
	k := personKey(p.key)
	was := tx.Get(k) != nil
	if p.Link.Customer == "" && p.until == never && len(p.days) == 0 {
		if was {
			tx.Delete(k)
			countPersons(tx, -1)
		}
		return
	}
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 64), uint64(p.until)) //nolint:gosec // kept bit by bit
	b = p.Append(b)
	b = binary.AppendUvarint(b, uint64(len(p.days)))
	for _, day := range p.days {
		b = binary.AppendVarint(b, day)
	}
	tx.Put(k, b)
	if !was {
		countPersons(tx, 1)
	}
}

// persons is how many there are. The number is there from the first look on,
// since what is not in the state is looked for on the disk each time.
func persons(tx *stream.Tx) int64 {
	value := tx.Get([]byte{spacePersons})
	if value == nil {
		countPersons(tx, 0)
	}
	n, _ := binary.Varint(value)
	return n
}

func countPersons(tx *stream.Tx, more int64) {
	k := []byte{spacePersons}
	n, _ := binary.Varint(tx.Get(k))
	tx.Put(k, binary.AppendVarint(nil, n+more))
}

func sharesKey(day int64, key string) []byte {
	return append(appendMillis(append(make([]byte, 0, 9+len(key)), spaceShares), day), key...)
}

func readShares(tx *stream.Tx, day int64, key string) []share {
	return decodeShares(tx.Get(sharesKey(day, key)))
}

func decodeShares(value []byte) []share {
	if value == nil {
		return nil
	}
	c := identity.Cursor(value)
	shares := make([]share, c.Len())
	for i := range shares {
		shares[i].path = c.Path()
		shares[i].entries = make([]entry, c.Len())
		for j := range shares[i].entries {
			shares[i].entries[j] = entry{c.String(), c.Int(), c.Int(), c.Int()}
		}
	}
	return shares
}

// writeShares keeps the shares of a day, and that there are some.
func (p *person) writeShares(tx *stream.Tx, day int64, shares []share) {
	shares = slices.DeleteFunc(shares, func(s share) bool { return len(s.entries) == 0 })
	k := sharesKey(day, p.key)
	at, found := slices.BinarySearch(p.days, day)
	if len(shares) == 0 {
		tx.Delete(k)
		if found {
			p.days = slices.Delete(p.days, at, at+1)
		}
		return
	}
	b := binary.AppendUvarint(nil, uint64(len(shares)))
	for i := range shares {
		b = identity.AppendPath(b, shares[i].path)
		b = binary.AppendUvarint(b, uint64(len(shares[i].entries)))
		for _, e := range shares[i].entries {
			b = identity.AppendString(b, e.name)
			for _, n := range [...]int64{e.minute, e.events, e.revenue} {
				b = binary.AppendVarint(b, n)
			}
		}
	}
	tx.Put(k, b)
	if !found {
		p.days = slices.Insert(p.days, at, day)
	}
}

// plus is the share's entries with the changes added; what comes to nothing is
// left out.
func (s *share) plus(changes []entry) []entry {
	sum := slices.Clone(s.entries)
	for _, c := range changes {
		i := slices.IndexFunc(sum, func(e entry) bool { return e.name == c.name && e.minute == c.minute })
		if i < 0 {
			sum = append(sum, c)
			continue
		}
		sum[i].events += c.events
		sum[i].revenue += c.revenue
	}
	return slices.DeleteFunc(sum, func(e entry) bool { return e.events == 0 && e.revenue == 0 })
}

// negative is the changes that take the entries away.
func negative(entries []entry) []entry {
	less := slices.Clone(entries)
	for i := range less {
		less[i].events, less[i].revenue = -less[i].events, -less[i].revenue
	}
	return less
}

// holds says whether the share has events of the name in the window.
func (s *share) holds(day int64, name string, w window, start int64) bool {
	return slices.ContainsFunc(s.entries, func(e entry) bool {
		return (name == allTypes || e.name == name) && w.startMillis(day+e.minute*time.Minute.Milliseconds()) == start
	})
}
