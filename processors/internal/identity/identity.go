// Package identity says whose an anonymous id's events are, and how what they
// left in one partition finds its way to another.
//
// A link says that an anonymous id turned out to be a customer. Of an id's links
// the one with the earliest event time counts, and of those the one with the
// smallest customer, so the winner is a function of the links that came, not of
// their order. A customer may be an anonymous id with a link too: then what came
// to it goes on. Where links lead in a circle, it stays with the smallest key of
// the circle. What senders said of a customer by name never moves.
//
// Each key knows its own link and no other, since links and keys are partitioned
// alike. So what moves carries the path by which it came, and each key on the
// path decides the next step by [Route].
package identity

import (
	"encoding/binary"
	"slices"
)

// Link is who an anonymous id is; the zero Link means nobody yet.
type Link struct {
	Customer string
	Time     int64 // of the identify that said so, Unix milliseconds
}

// Beats says whether the link counts and not the other.
func (l Link) Beats(other Link) bool {
	if other.Customer == "" || l.Customer == "" {
		return l.Customer != "" && other.Customer == ""
	}
	if l.Time != other.Time {
		return l.Time < other.Time
	}
	return l.Customer < other.Customer
}

// Anonymous says whether the key of an event is its anonymous id: its sender
// named no customer.
func Anonymous(key string, anonymousID *string) bool {
	return anonymousID != nil && *anonymousID == key
}

// Route is where something goes from the last key of its path, which has the
// link; empty when it stays. The path begins at the key of the events.
func Route(path []string, link Link) string {
	here := path[len(path)-1]
	if link.Customer == "" || slices.Contains(path[:len(path)-1], here) {
		return "" // no link, or it has been sent round a circle to its smallest key
	}
	from := slices.Index(path, link.Customer)
	if from < 0 {
		return link.Customer
	}
	if smallest := slices.Min(path[from:]); smallest != here {
		return smallest
	}
	return ""
}

// Node is what a key remembers of its dealings with others. The zero Node is one
// that has had none.
type Node struct {
	Link  Link
	sent  int64            // sequence of the last record sent
	heard map[string]int64 // by sender: sequence of its last record
}

// Next is the sequence of the next record to be sent.
func (n *Node) Next() int64 {
	n.sent++
	return n.sent
}

// First notes a record of a sender, whose records come in the order in which
// they were sent. It says false when the record came before.
func (n *Node) First(sender string, sequence int64) bool {
	if sequence <= n.heard[sender] {
		return false
	}
	if n.heard == nil {
		n.heard = make(map[string]int64)
	}
	n.heard[sender] = sequence
	return true
}

// Forget forgets what was heard.
func (n *Node) Forget() { n.heard = nil }

// Append writes what [Node.Read] reads.
func (n *Node) Append(b []byte) []byte {
	b = AppendString(b, n.Link.Customer)
	b = binary.AppendVarint(b, n.Link.Time)
	b = binary.AppendVarint(b, n.sent)
	senders := make([]string, 0, len(n.heard))
	for sender := range n.heard {
		senders = append(senders, sender)
	}
	slices.Sort(senders) // the same state is the same bytes
	b = binary.AppendUvarint(b, uint64(len(senders)))
	for _, sender := range senders {
		b = AppendString(b, sender)
		b = binary.AppendVarint(b, n.heard[sender])
	}
	return b
}

// Read takes what [Node.Append] wrote from the cursor.
func (n *Node) Read(c *Cursor) {
	n.Link.Customer, n.Link.Time = c.String(), c.Int()
	n.sent = c.Int()
	if senders := c.Len(); senders > 0 {
		n.heard = make(map[string]int64, senders)
		for range senders {
			sender := c.String()
			n.heard[sender] = c.Int()
		}
	}
}
