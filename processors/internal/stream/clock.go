package stream

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
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
			lag := end - t.at(tp, committed)
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

// endsEvery is how often the inputs' ends are asked for.
const endsEvery = 250 * time.Millisecond

func (t *task) watchEnds(ctx context.Context) {
	for pause(ctx, endsEvery) == nil {
		var topics []string
		for _, list := range t.group.topics() {
			topics = append(topics, list...)
		}
		slices.Sort(topics)
		asked, cancel := context.WithTimeout(ctx, 5*time.Second)
		if e, err := readEnds(asked, t.admin, slices.Compact(topics)); err == nil {
			t.ends.Store(e)
		} else if ctx.Err() == nil {
			t.log.Warn("read the ends of the inputs", "err", err)
		}
		cancel()
	}
}

// ends is how far the inputs reached at one moment.
type ends struct {
	at     time.Time
	stable map[topicPartition]int64 // last stable offsets
}

// readEnds asks for the last stable offsets of the topics.
func readEnds(ctx context.Context, admin *kadm.Client, topics []string) (*ends, error) {
	e := &ends{at: time.Now(), stable: make(map[topicPartition]int64)}
	if len(topics) == 0 {
		return e, nil
	}
	listed, err := admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return nil, err
	}
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			e.stable[topicPartition{o.Topic, o.Partition}] = o.Offset
		}
	})
	return e, nil
}
