package stream

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// idleSlack is how far the clock of an idle partition stays behind the wall: a
// record may be on its way for so long after it was stamped.
const idleSlack = time.Second

// moveClocks advances the clocks of partitions that have processed everything
// that the inputs held at a known moment.
func (t *task) moveClocks() {
	e := t.ends.Load()
	if e == nil || e == t.seen {
		return
	}
	t.seen = e
	committed := t.client.CommittedOffsets()
	behind := time.Duration(0)
	for number, topics := range t.group.topics() {
		p := t.parts[number]
		if p == nil {
			continue
		}
		caughtUp := true
		for _, topic := range topics {
			tp := topicPartition{topic, number}
			end, known := e.stable[tp]
			lag := end - t.progress.report(tp, spot{at: t.at(tp, committed), end: end, open: t.open.begun() && t.open.consumed[number], excused: p.held})
			caughtUp = caughtUp && known && lag <= 0
			t.metrics.setLag(tp, max(lag, 0))
		}
		if caughtUp {
			p.advance(e.at.Add(-idleSlack))
		} else if !p.clock.IsZero() {
			behind = max(behind, e.at.Sub(p.clock))
		}
	}
	t.metrics.timeLag.Set(behind.Seconds())
}

// at is the next offset to come of one input.
func (t *task) at(tp topicPartition, committed map[string]map[int32]kgo.EpochOffset) int64 {
	if at, ok := t.position[tp]; ok {
		return at
	}
	if c, ok := committed[tp.topic][tp.partition]; ok && c.Offset > 0 {
		return c.Offset
	}
	return 0
}
