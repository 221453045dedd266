package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Why a partition of an input stands still while the others go on. They are the
// reason label of headwater_stream_held_partitions and headwater_stream_stopped.
const (
	// Held: it goes on by itself.
	heldDependency = "dependency" // the rule asked to try again later
	heldRegistry   = "registry"   // a schema is wanted and the registry does not answer

	// Stopped: an operator has to act, then the task has to start anew.
	stoppedOutOfRange = "offset_out_of_range" // retention or DeleteRecords overtook it, or the log lost its end
	stoppedUnreadable = "unreadable_batch"    // the client cannot read what stands there
	stoppedUnwritable = "unwritable"          // what its rule did can be neither written nor laid to one record
)

// heldReasons are all of those that hold.
var heldReasons = [...]string{heldDependency, heldRegistry, string(UnknownSchema), string(UnknownType), string(WrongSubject)}

// halt is why one partition of an input stands still.
type halt struct {
	reason, detail string
	retry          func(now time.Time) bool // says when to go on; nil when it is stopped
	end            context.CancelFunc       // of what it waits for
}

// halts are the partitions of inputs that stand still. Nothing of them is
// fetched; their other topics, and the other partitions, go on. The loop writes
// them, /readyz reads them.
type halts struct {
	metrics *metrics

	full    atomic.Bool              // so is the disk under the state
	stalled atomic.Pointer[[]string] // inputs that nobody stopped and that do not go on

	mu   sync.Mutex
	list map[topicPartition]*halt
}

// add makes a partition stand still. It says false where it does so already.
func (h *halts) add(tp topicPartition, one *halt) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if before := h.list[tp]; before != nil && (before.retry == nil || one.retry != nil) {
		return false
	}
	h.list[tp] = one
	h.show()
	if one.retry != nil {
		h.metrics.holds.WithLabelValues(one.reason).Inc()
	}
	return true
}

// due are the partitions that may go on.
func (h *halts) due(now time.Time) []topicPartition {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []topicPartition
	for tp, one := range h.list {
		if one.retry != nil && one.retry(now) {
			list = append(list, tp)
		}
	}
	return list
}

// remove forgets the partitions that the filter chooses.
func (h *halts) remove(gone func(topicPartition) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.list) == 0 {
		return
	}
	for tp, one := range h.list {
		if gone(tp) {
			if one.end != nil {
				one.end()
			}
			delete(h.list, tp)
		}
	}
	h.show()
}

// has says whether the partition stands still.
func (h *halts) has(tp topicPartition) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.list[tp] != nil
}

// show writes the gauges. h.mu is held.
func (h *halts) show() {
	for _, reason := range heldReasons {
		h.metrics.held.WithLabelValues(reason).Set(0)
	}
	h.metrics.stopped.Reset()
	for tp, one := range h.list {
		if one.retry != nil {
			h.metrics.held.WithLabelValues(one.reason).Inc()
		} else {
			h.metrics.stopped.WithLabelValues(one.reason, tp.topic, strconv.Itoa(int(tp.partition))).Set(1)
		}
	}
}

// stopped says for people which partitions are stopped and why; empty for none.
func (h *halts) stopped() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	if h.full.Load() {
		lines = append(lines, "the disk under the state is full: make space, then it goes on by itself")
	}
	for tp, one := range h.list {
		if one.retry == nil {
			lines = append(lines, fmt.Sprintf("%s/%d is stopped (%s): %s", tp.topic, tp.partition, one.reason, one.detail))
		}
	}
	if stalled := h.stalled.Load(); stalled != nil {
		lines = append(lines, *stalled...)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// halt makes the partitions stand still.
func (t *task) halt(one *halt, list ...topicPartition) {
	for _, tp := range list {
		if !t.halts.add(tp, one) {
			continue
		}
		t.client.PauseFetchPartitions(map[string][]int32{tp.topic: {tp.partition}})
		if one.retry != nil {
			t.log.Warn("hold a partition", "topic", tp.topic, "partition", tp.partition, "reason", one.reason, "detail", one.detail)
		} else {
			t.log.Error("stop a partition: the others go on", "topic", tp.topic, "partition", tp.partition, "reason", one.reason, "detail", one.detail)
		}
	}
}

// release lets those go on whose wait is over.
func (t *task) release() {
	for _, tp := range t.halts.due(time.Now()) {
		t.halts.remove(func(other topicPartition) bool { return other == tp })
		t.client.ResumeFetchPartitions(map[string][]int32{tp.topic: {tp.partition}})
	}
}

// keepHalts forgets what stood still of numbers that this task no longer has.
func (t *task) keepHalts() {
	topics := t.group.topics()
	t.halts.remove(func(tp topicPartition) bool { return !slices.Contains(topics[tp.partition], tp.topic) })
}

// fetchFailed acts on an error of one partition's fetches. An offset that the
// log no longer has, or a batch that cannot be read, would be the same at each
// try: going on anywhere else would skip records without an entry.
func (t *task) fetchFailed(topic string, number int32, err error) {
	tp := topicPartition{topic, number}
	var lost *kgo.ErrDataLoss
	var large *kgo.ErrDecompressTooLarge
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
	case errors.Is(err, kerr.OffsetOutOfRange), errors.As(err, &lost):
		at := t.at(tp, t.client.CommittedOffsets())
		t.halt(&halt{reason: stoppedOutOfRange, detail: t.outOfRange(tp, at)}, tp)
	case errors.Is(err, kerr.UnknownTopicID):
		// The client never goes on with a topic that was made anew; a new one does,
		// from the first record, since the group's offsets went with the topic.
		t.gone = fmt.Errorf("read input %s: it was deleted, and maybe made anew: %w", topic, err)
	case errors.As(err, &large):
		t.halt(&halt{reason: stoppedUnreadable, detail: t.unreadable(large.Offset, err)}, tp)
	default:
		t.log.Warn("read input", "topic", topic, "partition", number, "err", err)
	}
}

// outOfRange says where the partition was and what its log still has.
func (t *task) outOfRange(tp topicPartition, at int64) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	bounds, last := "its log could not be asked for what it has", "LAST"
	starts, err := t.admin.ListStartOffsets(ctx, tp.topic)
	ends, endErr := t.admin.ListEndOffsets(ctx, tp.topic)
	if start, ok := starts.Lookup(tp.topic, tp.partition); err == nil && endErr == nil && ok {
		end, _ := ends.Lookup(tp.topic, tp.partition)
		bounds = fmt.Sprintf("its log has %d to %d", start.Offset, end.Offset-1)
		if missing := start.Offset - at; missing > 0 {
			last = strconv.FormatInt(start.Offset-1, 10)
			bounds += fmt.Sprintf(", so %d offsets were deleted before %s took them", missing, t.spec.Name)
		}
	}
	return fmt.Sprintf("%s is at offset %d and %s: after `headwater pause %s`, `headwater skip %s --topic %s --partition %d --from %d --to %s` "+
		"takes the missing range off it, or `headwater reset %s` starts it at another time; then `headwater resume %s`",
		t.spec.Name, at, bounds, t.spec.Name, t.spec.Name, tp.topic, tp.partition, at, last, t.spec.Name, t.spec.Name)
}

func (t *task) unreadable(at int64, err error) string {
	return fmt.Sprintf("%s cannot read offset %d: %v: after `headwater pause %s`, `headwater skip %s` takes the range off it; then `headwater resume %s`",
		t.spec.Name, at, err, t.spec.Name, t.spec.Name, t.spec.Name)
}

// holdBack holds the partition whose record made the transaction abort.
func (t *task) holdBack(a *again) {
	if a.halt == nil { // a partition that was taken away while its records were on their way
		_ = pause(t.group.ctx, 20*time.Millisecond)
		return
	}
	t.halt(a.halt, a.topicPartition)
}
