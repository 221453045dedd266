package chaos

import (
	"maps"

	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
	"headwater.internal/platform/schemas/repartition"
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
	for stage, topics := range asides {
		for _, topic := range topics {
			for line, n := range o.aside[topic] {
				w := want[stage+"/"+line]
				w.in, w.applied = w.in+n, w.applied+n
				want[stage+"/"+line] = w
			}
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
	for stage, topics := range map[string][]string{
		"refine":     {processed.CustomerEventTopic, processed.IdentityLinkTopic},
		"sessionize": {aggregates.SessionTopic, repartition.SessionPieceTopic},
		"aggregate":  {aggregates.EventCountTopic, repartition.CountChangeTopic},
	} {
		written := int64(0)
		for _, topic := range topics {
			written += o.records[topic]
		}
		if out := totals[stage].Out; out != written {
			d.add(unbalanced, "%s says %d out, %q have %d records", stage, out, topics, written)
		}
	}
}
