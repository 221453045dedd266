package stream

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// stalledAfter is how long an input may stand still before it is an alert: longer
// than a rebalance, a restore and the longest wait for an unknown schema take.
const stalledAfter = 5 * time.Minute

// stalls notice inputs whose committed position does not move although records
// wait and nothing holds or stops them, whatever the reason: a loop that hangs, a
// rule that does not return, transactions that never commit, a restore that does
// not end. They only tell. They work beside the loop, which may be what stands
// still.
type stalls struct {
	after    time.Duration
	progress *progress
	halts    *halts
	metrics  *metrics
	log      *slog.Logger

	looked time.Time
	seen   map[topicPartition]stall
}

// stall is one input with records that wait.
type stall struct {
	committed int64
	since     time.Time
	told      bool
}

// look compares what is committed of the numbers that the task was assigned with
// the ends of their inputs.
func (s *stalls) look(e *ends, numbers map[int32][]string, committed map[string]map[int32]kgo.EpochOffset) {
	if e.at.Sub(s.looked) > s.after/5 {
		clear(s.seen) // this process slept, or no broker answered: nothing is known of the time between
	}
	s.looked = e.at
	waiting := make(map[topicPartition]stall)
	var lines []string
	for number, topics := range numbers {
		for _, topic := range topics {
			tp := topicPartition{topic, number}
			at := max(committed[topic][number].Offset, 0)
			end, known := e.stable[tp]
			if !known || at >= end || s.halts.full.Load() || s.halts.has(tp) || !s.progress.unfinished(tp, end) {
				continue
			}
			one, before := s.seen[tp]
			if !before || one.committed != at {
				one = stall{committed: at, since: e.at}
			}
			if e.at.Sub(one.since) >= s.after {
				lines = append(lines, s.tell(tp, &one, end))
			}
			waiting[tp] = one
		}
	}
	for tp, before := range s.seen {
		if before.told && !waiting[tp].told {
			s.metrics.stalled.DeleteLabelValues(tp.topic, strconv.Itoa(int(tp.partition)))
			s.log.Info("a partition goes on", "topic", tp.topic, "partition", tp.partition)
		}
	}
	s.seen = waiting
	s.halts.stalled.Store(&lines)
	s.metrics.inputs.Set(float64(e.numbers()))
}

func (s *stalls) tell(tp topicPartition, one *stall, end int64) string {
	s.metrics.stalled.WithLabelValues(tp.topic, strconv.Itoa(int(tp.partition))).Set(1)
	if !one.told {
		one.told = true
		s.log.Error("a partition does not go on: nothing holds or stops it", "topic", tp.topic, "partition", tp.partition,
			"committed", one.committed, "end", end, "since", one.since)
	}
	return fmt.Sprintf("%s/%d stands still at offset %d of %d since %s: the log of this task says why; "+
		"SIGQUIT writes there what each of its goroutines does, and a restart loses nothing", tp.topic, tp.partition, one.committed, end, one.since.UTC().Format(time.RFC3339))
}
