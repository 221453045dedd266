package chaos

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/schemas/aggregates"
)

// The kinds of damage.
const (
	lost         = "lost: accepted events that are not in processed.customer-events"
	doubled      = "doubled: events that are there more than once"
	invented     = "invented: events that are there and were never accepted"
	altered      = "altered: events that are not there as they were sent"
	disordered   = "disordered: events of one customer and type in another order"
	split        = "split: customers whose events stand in more than one partition"
	wrongSession = "sessions that are not what one thread makes of the events"
	wrongCount   = "counts that are not what one thread makes of the events"
	staleVersion = "revisions that were published again"
	finalTwice   = "revisions that were final twice"
	notFinal     = "sessions and windows that are over and not final"
	wrongDead    = "dead letters that lack, are one too many or have the wrong class"
	unbalanced   = "ledger lines that are not what one thread counts"
)

// damage is what a check found: how much of each kind, and some of it.
type damage struct {
	number  map[string]int
	example map[string][]string
}

func (d *damage) add(kind, format string, args ...any) {
	d.number[kind]++
	if len(d.example[kind]) < 5 {
		d.example[kind] = append(d.example[kind], fmt.Sprintf(format, args...))
	}
}

func (d *damage) of(kinds ...string) int {
	n := 0
	for _, kind := range kinds {
		n += d.number[kind]
	}
	return n
}

func (d *damage) lines() []string {
	var lines []string
	for _, kind := range slices.Sorted(maps.Keys(d.number)) {
		lines = append(lines, fmt.Sprintf("%d %s", d.number[kind], kind))
		lines = append(lines, d.example[kind]...)
	}
	return lines
}

// check holds what was written against the model of what was sent.
func check(o *observer) *damage {
	o.p.t.Helper()
	m, err := modelOf(o)
	if err != nil {
		o.p.t.Fatalf("read the raw records: %v", err)
	}
	d := &damage{number: make(map[string]int), example: make(map[string][]string)}
	partitionOf := checkEvents(d, m, o)
	checkSessions(d, m, o, partitionOf)
	checkCounts(d, m, o, partitionOf)
	checkVersions(d, o)
	checkDead(d, m, o)
	checkLedger(d, m, o)
	return d
}

// checkEvents returns the partition of each customer.
func checkEvents(d *damage, m *model, o *observer) map[string]int32 {
	times := make(map[string]int)
	partitionOf := make(map[string]int32)
	lanes := make(map[string][]string)
	for partition, list := range o.processed {
		for _, e := range list {
			got := accepted{id: e.ID, eventType: e.Type, customer: e.Customer, at: e.Time, revenue: e.RevenueMicros, body: string(e.Data)}
			name := got.name()
			times[name]++
			want, known := m.accepted[name]
			switch {
			case !known:
				d.add(invented, "%s of %s", name, e.Customer)
			case times[name] == 2:
				d.add(doubled, "%s of %s", name, e.Customer)
			case !got.at.Equal(want.at) || got.body != want.body || !cmp.Equal(got.revenue, want.revenue) || got.customer != want.customer:
				d.add(altered, "%s: %+v, sent was %+v", name, got, want)
			}
			if at, met := partitionOf[e.Customer]; met && at != int32(partition) {
				d.add(split, "%s: %d and %d", e.Customer, at, partition)
			}
			partitionOf[e.Customer] = int32(partition)
			if times[name] == 1 {
				lane := e.Customer + " " + e.Type
				lanes[lane] = append(lanes[lane], name)
			}
		}
	}
	for name, a := range m.accepted {
		if times[name] == 0 {
			d.add(lost, "%s of %s", name, a.customer)
		}
	}
	checkOrder(d, m, lanes, times)
	if o.misplaced > 0 {
		d.add(split, "%d records whose key is not their customer", o.misplaced)
	}
	return partitionOf
}

// checkOrder compares the order of what is there; what is lost is told already.
func checkOrder(d *damage, m *model, lanes map[string][]string, times map[string]int) {
	for lane, want := range m.lanes {
		there := slices.DeleteFunc(slices.Clone(want), func(name string) bool { return times[name] == 0 })
		if !slices.Equal(there, lanes[lane]) {
			d.add(disordered, "%s: %s", lane, firstDifference(there, lanes[lane]))
		}
	}
}

func firstDifference(want, got []string) string {
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return fmt.Sprintf("event %d is %s, sent was %s", i, got[i], want[i])
		}
	}
	return fmt.Sprintf("%d events, sent were %d", len(got), len(want))
}

func checkSessions(d *damage, m *model, o *observer, partitionOf map[string]int32) {
	want := m.sessions()
	for id, s := range o.sessions.live() {
		key := sessionKey(s.Customer, s.Start)
		w, known := want[key]
		got := session{
			Start: s.Start.UTC(), End: s.End.UTC(), Events: s.Events, PageViews: s.PageViews, Revenue: s.RevenueMicros, Types: s.Types,
		}
		if diff := cmp.Diff(w, got); diff != "" {
			d.add(wrongSession, "%s, session %s (known %t): -want +got\n%s", key, id, known, diff)
		}
		delete(want, key)
		if id != s.SessionID || o.sessions.keys[id].partition != partitionOf[s.Customer] {
			d.add(wrongSession, "%s: its key is %s, its id %s, its partition %d", key, id, s.SessionID, o.sessions.keys[id].partition)
		}
		if s.State != aggregates.SessionStateFinal {
			d.add(notFinal, "session %s", key)
		}
	}
	for key, w := range want {
		d.add(wrongSession, "%s is missing: %+v", key, w)
	}
}

func checkCounts(d *damage, m *model, o *observer, partitionOf map[string]int32) {
	want := m.counts(partitionOf)
	for key, c := range o.counts.live() {
		w := want[key]
		if got := (count{c.Events, c.UniqueCustomers, c.RevenueMicros}); got != w {
			d.add(wrongCount, "%s: %+v, expected %+v", key, got, w)
		}
		delete(want, key)
		if own := countKey(c.Type, c.Window, c.Start, c.Partition); own != key {
			d.add(wrongCount, "%s: it speaks of %s", key, own)
		}
		if mustBeFinal(c, o.readAt) && c.State != aggregates.CountStateFinal {
			d.add(notFinal, "window %s", key)
		}
	}
	for key, w := range want {
		d.add(wrongCount, "%s is missing: %+v", key, w)
	}
}

func checkVersions(d *damage, o *observer) {
	report := func(topic string, stale, twice, moved, returned int) {
		for kind, n := range map[string]int{staleVersion: stale, finalTwice: twice, split: moved} {
			if n > 0 {
				d.number[kind] += n
				d.example[kind] = append(d.example[kind], topic)
			}
		}
		if returned > 0 {
			d.add(staleVersion, "%d keys of %s came back after their tombstone", returned, topic)
		}
	}
	s, c := o.sessions, o.counts
	report(aggregates.SessionTopic, s.stale, s.finalTwice, s.moved, s.returned)
	report(aggregates.EventCountTopic, c.stale, c.finalTwice, c.moved, c.returned)
}

func checkDead(d *damage, m *model, o *observer) {
	for at, class := range m.dead {
		if got := o.dead[at]; got != class {
			d.add(wrongDead, "%s: %q, expected %q", at, got, class)
		}
	}
	for at, class := range o.dead {
		if _, known := m.dead[at]; !known {
			d.add(wrongDead, "%s: %q, expected none", at, class)
		}
	}
	if o.deadTwice > 0 {
		d.add(wrongDead, "%d are there twice", o.deadTwice)
	}
}
