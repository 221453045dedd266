package survive

import (
	"fmt"
	"maps"
	"slices"

	"headwater.internal/platform/schemas/aggregates"
)

// The kinds of damage.
const (
	lost         = "acknowledged events lost: they are not in processed.customer-events"
	doubled      = "events doubled: they are there more than once"
	invented     = "events invented: they were never sent"
	unsent       = "events that were never acknowledged, however often they were sent again, or were refused"
	wrongSession = "events too many or too few in aggregates.sessions"
	wrongCount   = "events too many or too few in aggregates.event-counts"
	unbalanced   = "stages whose ledger does not balance"
	dead         = "dead letters"
)

// damage is what a check found: how much of each kind, and some of it.
type damage struct {
	number  map[string]int
	example map[string][]string
}

func (d *damage) add(kind string, n int, format string, args ...any) {
	d.number[kind] += n
	if len(d.example[kind]) < 5 {
		d.example[kind] = append(d.example[kind], fmt.Sprintf(format, args...))
	}
}

func (d *damage) any() bool { return len(d.number) > 0 }

func (d *damage) lines() []string {
	var lines []string
	for _, kind := range slices.Sorted(maps.Keys(d.number)) {
		lines = append(lines, fmt.Sprintf("%d %s", d.number[kind], kind))
		lines = append(lines, d.example[kind]...)
	}
	return lines
}

// check holds what was written since the start against what was acknowledged.
func check(l *load, o *observer) *damage {
	d := &damage{number: map[string]int{}, example: map[string][]string{}}
	l.mu.Lock()
	acked := slices.Clone(l.acked)
	l.mu.Unlock()
	there := checkEvents(d, acked, o)
	for _, text := range l.errors() {
		d.add(unsent, 1, "%s", text)
	}
	checkSessions(d, there, o)
	checkCounts(d, there, o)
	checkLedger(d, there, o)
	if o.dead > 0 {
		d.add(dead, o.dead, "headwater dead-letters list")
	}
	return d
}

// checkEvents returns how many different events of each type are there.
func checkEvents(d *damage, acked []bool, o *observer) map[string]int64 {
	there := map[string]int64{}
	for n, times := range o.times {
		if times > 0 {
			there[typeOf(n)]++
		}
		switch {
		case times > 0 && n >= len(acked):
			d.add(invented, 1, "event %d", n)
		case times > 1:
			d.add(doubled, times-1, "event %d is there %d times", n, times)
		}
	}
	for n, was := range acked {
		switch {
		case !was:
			d.add(unsent, 1, "event %d", n)
		case n >= len(o.times) || o.times[n] == 0:
			d.add(lost, 1, "event %d", n)
		}
	}
	for _, name := range o.invented {
		d.add(invented, 1, "%s", name)
	}
	return there
}

func sum(numbers map[string]int64) (total int64) {
	for _, n := range numbers {
		total += n
	}
	return total
}

func checkSessions(d *damage, there map[string]int64, o *observer) {
	got := map[string]int64{}
	for _, s := range o.sessions {
		for name, n := range s.Types {
			got[name] += n
		}
	}
	compare(d, wrongSession, there, got)
}

func checkCounts(d *damage, there map[string]int64, o *observer) {
	got, all := map[string]int64{}, int64(0)
	for _, c := range o.counts {
		switch {
		case c.Window != aggregates.WindowAllTime:
		case c.Type == "*":
			all += c.Events
		default:
			got[c.Type] += c.Events
		}
	}
	compare(d, wrongCount, there, got)
	if want := sum(there); all != want {
		d.add(wrongCount, distance(all, want), "all types together: %d, expected %d", all, want)
	}
}

func compare(d *damage, kind string, want, got map[string]int64) {
	for name := range maps.Keys(want) {
		if got[name] != want[name] {
			d.add(kind, distance(got[name], want[name]), "%s: %d, expected %d", name, got[name], want[name])
		}
	}
	for name, n := range got {
		if _, known := want[name]; !known && n != 0 {
			d.add(kind, int(n), "%s: %d, expected none", name, n)
		}
	}
}

func distance(a, b int64) int { return int(max(a-b, b-a)) }

// checkLedger: all that is on the raw topics was applied once or is a duplicate,
// all that refine applied was applied by those after it.
func checkLedger(d *damage, there map[string]int64, o *observer) {
	stages := o.stages()
	events := sum(there)
	for _, stage := range []string{"refine", "sessionize", "aggregate"} {
		want := ledgerLine{In: events, Applied: events}
		if stage == "refine" {
			want.In, want.Duplicate = o.raw, o.raw-events
		}
		got := stages[stage]
		if got.In != want.In || got.Applied != want.Applied || got.Duplicate != want.Duplicate || got.Late != 0 || got.DeadLettered[""] != 0 {
			d.add(unbalanced, 1, "%s: %+v, expected %+v", stage, got, want)
		}
	}
}
