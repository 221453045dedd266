package chaos

import (
	"maps"

	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
)

// checkLedger holds every line of the ledger against what one thread counts: in
// is applied, duplicate, late and dead-lettered, and nothing is out that did not
// reach its topic.
func checkLedger(d *damage, m *model, o *observer) {
	passed := make(map[string]int64) // processed records, by partition and minute
	for partition, receipts := range o.receipts {
		for _, at := range receipts {
			passed[minuteKey(int32(partition), at)]++
		}
	}
	want := make(map[string]verdicts)
	for line, v := range m.refine {
		want["refine/"+line] = *v
	}
	for line, n := range passed {
		for _, stage := range stages[1:] {
			want[stage+"/"+line] = verdicts{in: n, applied: n}
		}
	}
	for key, line := range o.ledger {
		w := want[key]
		delete(want, key)
		got := verdicts{line.In, line.Applied, line.Duplicate, line.DeadLettered}
		if got.in != w.in || got.applied != w.applied || got.duplicate != w.duplicate || line.Late != 0 || !maps.Equal(got.dead, w.dead) {
			d.add(unbalanced, "%s: %+v, late %d, expected %+v", key, got, line.Late, w)
		}
	}
	for key, w := range want {
		d.add(unbalanced, "%s is missing: %+v", key, w)
	}
	totals := o.totals()
	for stage, topic := range map[string]string{
		"refine": processed.CustomerEventTopic, "sessionize": aggregates.SessionTopic, "aggregate": aggregates.EventCountTopic,
	} {
		if out := totals[stage].Out; out != o.records[topic] {
			d.add(unbalanced, "%s says %d out, %s has %d records", stage, out, topic, o.records[topic])
		}
	}
}
