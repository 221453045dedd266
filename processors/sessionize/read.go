package main

import (
	"cmp"
	"slices"
	"time"

	"headwater.internal/platform/processors/internal/stream"
)

// customerState is what headwater state shows of a customer, or of an anonymous
// id.
type customerState struct {
	Customer string         `json:"customer"`
	LinkedTo string         `json:"linked_to,omitempty"` // where an anonymous id's sessions go
	Sessions []sessionState `json:"sessions"`            // in the order of their start
}

type sessionState struct {
	ID            string           `json:"session_id"`
	Start         time.Time        `json:"start"`
	End           time.Time        `json:"end"` // of its last event
	State         string           `json:"state"`
	Events        int64            `json:"events"`
	PageViews     int64            `json:"page_views"`
	RevenueMicros int64            `json:"revenue_micros"`
	Types         map[string]int64 `json:"types,omitempty"`
	Revision      int64            `json:"revision"`
}

// Read shows the sessions of a customer.
func (r rule) Read(tx *stream.Tx, key string) (any, error) { //nolint:unparam // stream.Reader has it
	held := customerState{Customer: key, Sessions: []sessionState{}}
	p := r.find(tx, key)
	if p != nil {
		held.LinkedTo = p.Link.Customer
		for i := range p.shown {
			held.add(&p.shown[i])
		}
		for i := range p.pieces {
			if s := &p.pieces[i].session; s.state == dropped {
				held.add(s)
			}
		}
	}
	starts := readStarts(tx, key)
	for _, start := range starts {
		k := sessionKey(key, start)
		s := decode(k, tx.Get(k))
		held.add(&s)
	}
	if p == nil && len(starts) == 0 {
		return nil, nil
	}
	slices.SortFunc(held.Sessions, func(a, b sessionState) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	return held, nil
}

// Spread says that a customer is in one partition.
func (rule) Spread() bool { return false }

func (c *customerState) add(s *session) {
	types := make(map[string]int64, len(s.types))
	for _, t := range s.types {
		types[t.name] = t.count
	}
	c.Sessions = append(c.Sessions, sessionState{
		ID: s.id.String(), Start: time.UnixMilli(s.start).UTC(), End: time.UnixMilli(s.end).UTC(),
		State:  [...]string{open: "open", final: "final", dropped: "dropped"}[s.state],
		Events: s.events, PageViews: s.pageViews, RevenueMicros: s.revenue, Types: types, Revision: s.revision,
	})
}
