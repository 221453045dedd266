package chaos

import (
	"cmp"
	"slices"
	"time"

	"headwater.internal/platform/schemas/account"
)

// link says who an anonymous id turned out to be.
type link struct {
	customer string
	at       time.Time
}

// note keeps the link that counts: the earliest, and of those the one to the
// smallest customer.
func (m *model) note(a accepted, anonymousID string) {
	if a.eventType != account.CustomerIdentifiedType || a.anonymous || anonymousID == "" || anonymousID == a.customer {
		return
	}
	l := link{a.customer, a.at}
	if old, known := m.links[anonymousID]; !known || cmp.Or(l.at.Compare(old.at), cmp.Compare(l.customer, old.customer)) < 0 {
		m.links[anonymousID] = l
	}
}

// owner is whose the event is: the customer that its sender named, or who its
// anonymous id is by the links; the smallest of a circle.
func (m *model) owner(a accepted) string {
	if !a.anonymous {
		return a.customer
	}
	var way []string
	at := a.customer
	for !slices.Contains(way, at) {
		way = append(way, at)
		next, linked := m.links[at]
		if !linked {
			return at
		}
		at = next.customer
	}
	return slices.Min(way[slices.Index(way, at):])
}
