package stream

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// progress is how far the loop has come with the inputs. The loop reports, and
// [task.watchEnds] looks at those that stand still.
type progress struct {
	mu    sync.Mutex
	spots map[topicPartition]spot
}

// spot is where one input stands.
type spot struct {
	at, end int64
	open    bool      // records below at are in a transaction that is open
	excused bool      // it stands still on purpose
	since   time.Time // at was reported first
	past    int64     // no record stands from at to here
	looked  bool      // for a record at that offset
}

const (
	// inputQuiet is how long an input brings nothing before it is asked what stands
	// where it is: longer than a turn of all partitions takes while a task catches up.
	inputQuiet = 5 * time.Second
	// looksAtOnce bounds how many are asked in one go.
	looksAtOnce = 8
)

// report says where an input stands, and returns how far from there on its log is
// known to have no record.
func (g *progress) report(tp topicPartition, now spot) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if before, known := g.spots[tp]; known && before.at == now.at {
		now.since, now.past, now.looked = before.since, before.past, before.looked
	} else {
		now.since = time.Now()
	}
	g.spots[tp] = now
	return max(now.at, now.past)
}

// unfinished says whether the loop has something to do with an input that reaches
// to the end: also where it has not reported anything yet.
func (g *progress) unfinished(tp topicPartition, end int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, known := g.spots[tp]
	return !known || !s.excused && (s.open || max(s.at, s.past) < end)
}

// quiet are some inputs that bring nothing, although their logs reach further and
// no record is known to stand where they are.
func (g *progress) quiet() map[topicPartition]spot {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make(map[topicPartition]spot)
	for tp, s := range g.spots {
		stands := s.looked && s.past == s.at
		if !stands && max(s.at, s.past) < s.end && time.Since(s.since) >= inputQuiet && len(list) < looksAtOnce {
			list[tp] = s
		}
	}
	return list
}

// pass notes what was found at a spot, or that nobody answered.
func (g *progress) pass(tp topicPartition, s spot, past int64, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, ok := g.spots[tp]
	if !ok || now.at != s.at {
		return
	}
	if now.since = time.Now(); err == nil {
		now.past, now.looked = past, true
	}
	g.spots[tp] = now
}

// forget drops what is known of a number's inputs.
func (g *progress) forget(number int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for tp := range g.spots {
		if tp.partition == number {
			delete(g.spots, tp)
		}
	}
}

// passTails looks for records where inputs stand still below the ends of their
// logs.
func (t *task) passTails(ctx context.Context) {
	for tp, s := range t.progress.quiet() {
		past, err := t.emptyUntil(ctx, tp, s)
		if err != nil && ctx.Err() == nil && !t.halts.has(tp) {
			t.log.Warn("look at the end of an input", "err", err)
		}
		t.progress.pass(tp, s, past, err)
	}
}

// emptyUntil is how far from the spot on the input has no record. One that nothing
// was committed of is read from its start.
func (t *task) emptyUntil(ctx context.Context, tp topicPartition, s spot) (int64, error) {
	from := s.at
	if from == 0 {
		starts, err := t.admin.ListStartOffsets(ctx, tp.topic)
		if err != nil {
			return 0, err
		}
		start, _ := starts.Lookup(tp.topic, tp.partition)
		if start.Err != nil {
			return 0, start.Err
		}
		from = start.Offset
	}
	if from >= s.end {
		return from, nil
	}
	return emptyUntil(ctx, t.admin, t.client, tp.topic, tp.partition, from, s.end)
}

// endsEvery is how often the inputs' ends are asked for.
const endsEvery = 250 * time.Millisecond

func (t *task) watchEnds(ctx context.Context) {
	for pause(ctx, endsEvery) == nil {
		var topics []string
		numbers := t.group.numbers()
		for _, list := range numbers {
			topics = append(topics, list...)
		}
		slices.Sort(topics)
		asked, cancel := context.WithTimeout(ctx, 5*time.Second)
		if e, err := readEnds(asked, t.admin, slices.Compact(topics)); err == nil {
			t.ends.Store(e)
			t.passTails(asked)
			t.stalls.look(e, numbers, t.client.CommittedOffsets())
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

// numbers is how many partition numbers the inputs have.
func (e *ends) numbers() int {
	most := int32(-1)
	for tp := range e.stable {
		most = max(most, tp.partition)
	}
	return int(most + 1)
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
