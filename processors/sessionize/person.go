package main

import (
	"encoding/binary"
	"math"

	"headwater.internal/platform/processors/internal/identity"
	"headwater.internal/platform/processors/internal/stream"
)

// person is all that the state holds of a key that identity concerns: an
// anonymous id, or a customer to whom an anonymous id's sessions came. Other
// customers' sessions stand one by one, which is faster.
//
// Its events lie in pieces, each a session of one origin: events that named the
// customer, anonymous events of the key itself, and of every path by which
// others came. So what came can go again. What is shown is made of the pieces
// that stay here: those no further apart than the gap are one session.
type person struct {
	identity.Node

	key    string
	minted int64 // ids made for sessions that were not this key's to begin with
	until  int64 // clock until which senders' sequences are remembered
	pieces []piece
	shown  []session // in the order of their start
}

// piece is the part of a session that has one origin. It is open or dropped; its
// revision is not used.
type piece struct {
	session

	path  []string // the keys by which it came; nil for own events
	known bool     // own events that named the customer: they never move
	used  bool     // a session has been shown under its id
}

// never is the due time of what is not to be woken.
const never = math.MaxInt64

// next is where the piece goes from here under a link; empty when it stays.
func (p *person) next(of *piece, link identity.Link) string {
	if of.known {
		return ""
	}
	return identity.Route(p.route(of), link)
}

// route is the piece's path with this key at its end.
func (p *person) route(of *piece) []string {
	return append(append(make([]string, 0, len(of.path)+1), of.path...), p.key)
}

func personKey(key string) []byte {
	return append(append(make([]byte, 0, len(key)+1), spacePerson), key...)
}

// encode writes what decodePerson reads. The time that is due comes first.
func (p *person) encode() []byte {
	b := make([]byte, 0, 64+96*(len(p.pieces)+len(p.shown)))
	b = binary.BigEndian.AppendUint64(b, uint64(p.due())) //nolint:gosec // kept bit by bit
	b = p.Append(b)
	b = binary.AppendVarint(b, p.minted)
	b = binary.AppendVarint(b, p.until)
	b = binary.AppendUvarint(b, uint64(len(p.pieces)))
	for i := range p.pieces {
		of := &p.pieces[i]
		b = identity.AppendPath(b, of.path)
		b = append(b, flags(of.known, of.used))
		b = appendPart(b, &of.session)
	}
	b = binary.AppendUvarint(b, uint64(len(p.shown)))
	for i := range p.shown {
		b = appendPart(b, &p.shown[i])
	}
	return b
}

func decodePerson(k, value []byte) *person {
	p := &person{key: string(k[1:])}
	c := identity.Cursor(value[8:])
	p.Read(&c)
	p.minted, p.until = c.Int(), c.Int()
	p.pieces = make([]piece, c.Len())
	for i := range p.pieces {
		of := &p.pieces[i]
		of.path = c.Path()
		f := c.Byte()
		of.known, of.used = f&1 != 0, f&2 != 0
		of.session = readPart(&c, p.key)
	}
	p.shown = make([]session, c.Len())
	for i := range p.shown {
		p.shown[i] = readPart(&c, p.key)
	}
	return p
}

func flags(known, used bool) (f byte) {
	if known {
		f = 1
	}
	if used {
		f |= 2
	}
	return f
}

func appendPart(b []byte, s *session) []byte {
	return s.append(binary.AppendVarint(b, s.start))
}

func readPart(c *identity.Cursor, customer string) session {
	s := session{customer: customer, start: c.Int()}
	head := c.Bytes(25)
	s.due, s.state, s.id = decodeDue(head), state(head[8]), id(head[9:25])
	*c = s.read(*c)
	return s
}

// due is when the first of its parts wants to be woken.
func (p *person) due() int64 {
	due := int64(never)
	for i := range p.pieces {
		due = min(due, p.pieces[i].due)
	}
	for i := range p.shown {
		due = min(due, p.shown[i].due)
	}
	if p.until > 0 {
		due = min(due, p.until)
	}
	return due
}

// find reads the person of the key; nil when there is none. While a partition
// has no person at all that costs no look at the disk.
func (r rule) find(tx *stream.Tx, key string) *person {
	if persons(tx) == 0 {
		return nil
	}
	k := personKey(key)
	if value := tx.Get(k); value != nil {
		return decodePerson(k, value)
	}
	return nil
}

// takeOver reads the person of the key, or makes one of the sessions that the
// key has.
func (r rule) takeOver(tx *stream.Tx, key string) *person {
	if p := r.find(tx, key); p != nil {
		return p
	}
	countPersons(tx, 1)
	p := &person{key: key}
	changed := make(map[string]bool) // by this transaction, which has not shown them yet
	for k := range tx.Changed(append([]byte{spaceSession}, key...)) {
		changed[string(k)] = true
	}
	for _, start := range readStarts(tx, key) {
		k := sessionKey(key, start)
		s := decode(k, tx.Get(k))
		of := piece{session: s, known: true, used: true}
		if s.state != dropped {
			of.state, of.due = open, never
			p.shown = append(p.shown, s)
			if changed[string(k)] {
				r.publish(tx, &s)
			}
		}
		p.pieces = append(p.pieces, of)
		tx.Delete(k)
	}
	tx.Delete(startsKey(key))
	return p
}

// letGo is the reverse of takeOver: a customer to whom nobody's sessions come
// any more. The sessions are shown again, so they get a new revision.
func (r rule) letGo(tx *stream.Tx, p *person) {
	countPersons(tx, -1)
	tx.Delete(personKey(p.key))
	for i := range p.pieces {
		if s := &p.pieces[i].session; s.state == dropped {
			tx.Put(sessionKey(p.key, s.start), s.encode())
			noteStart(tx, p.key, s.start)
		}
	}
	for i := range p.shown {
		s := &p.shown[i]
		s.revision++
		tx.Put(sessionKey(p.key, s.start), s.encode())
		noteStart(tx, p.key, s.start)
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
