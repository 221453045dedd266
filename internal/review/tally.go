package review

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Tally counts a ledger.
type Tally struct {
	Caught    int            `json:"caught"`
	Mended    int            `json:"mended"`
	Withdrawn int            `json:"withdrawn"`
	Open      []Entry        `json:"open"`       // by when they were caught
	ByRule    map[string]int `json:"by_rule"`    // of those caught
	BySubject map[string]int `json:"by_subject"` // of those caught
	MeanHours float64        `json:"mean_hours"` // open, of those that ended
}

// Tally counts what was caught or ended at or after since.
func (l *Ledger) Tally(since time.Time) Tally {
	t := Tally{Open: []Entry{}, ByRule: map[string]int{}, BySubject: map[string]int{}}
	for _, e := range l.Entries {
		if e.At.Before(since) {
			continue
		}
		switch e.State {
		case Caught:
			t.Caught++
			t.ByRule[e.Rule]++
			t.BySubject[e.Subject]++
			continue
		case Mended:
			t.Mended++
		case Withdrawn:
			t.Withdrawn++
		}
		t.MeanHours += e.OpenHours
	}
	if ended := t.Mended + t.Withdrawn; ended > 0 {
		t.MeanHours /= float64(ended)
	}
	t.Open = slices.AppendSeq(t.Open, maps.Values(l.Open("")))
	slices.SortFunc(t.Open, func(a, b Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return t
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
