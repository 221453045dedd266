package chaos

import (
	"slices"
	"testing"

	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
)

// tamper holds the checker to its word: of a run without damage it changes one
// thing at a time, and each must be found as what it is.
func tamper(t *testing.T, o *observer) {
	t.Helper()
	list := &o.processed[slices.IndexFunc(o.processed, func(l []processed.CustomerEvent) bool { return len(l) > 1 })]
	whole := slices.Clone(*list)
	for _, c := range []struct {
		kind   string
		change func()
	}{
		{lost, func() { *list = whole[1:] }},
		{doubled, func() { *list = append(slices.Clone(whole), whole[0]) }},
		{altered, func() { *list = slices.Clone(whole); (*list)[0].Data = []byte("other") }},
		{invented, func() { *list = slices.Clone(whole); (*list)[0].ID = "e-0" }},
		{disordered, func() { *list = slices.Clone(whole); slices.Reverse(*list) }},
	} {
		c.change()
		if check(o).of(c.kind) == 0 {
			t.Errorf("the checker does not see %s", c.kind)
		}
		*list = whole
	}
	tamperWith(t, o, o.sessions, wrongSession, func(s *aggregates.Session) { s.RevenueMicros++ })
	tamperWith(t, o, o.sessions, notFinal, func(s *aggregates.Session) { s.State = aggregates.SessionStateOpen })
	tamperWith(t, o, o.counts, wrongCount, func(c *aggregates.EventCount) { c.UniqueCustomers++ })
	for at, class := range o.dead {
		delete(o.dead, at)
		if check(o).of(wrongDead) != 1 {
			t.Error("the checker does not see a dead letter that is missing")
		}
		o.dead[at] = class
		break
	}
	for key, line := range o.ledger {
		line.In++
		o.ledger[key] = line
		if check(o).of(unbalanced) != 1 {
			t.Error("the checker does not see a ledger line that is wrong")
		}
		break
	}
}

// tamperWith changes the latest value of one key of a topic.
func tamperWith[V any](t *testing.T, o *observer, h *history[V], kind string, change func(*V)) {
	t.Helper()
	for _, e := range h.keys {
		if e.gone {
			continue
		}
		was := e.value
		change(&e.value)
		if check(o).of(kind) != 1 {
			t.Errorf("the checker does not see one of: %s", kind)
		}
		e.value = was
		return
	}
}
