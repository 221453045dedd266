package stream

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// view is what a reader of committed records has seen of all topics. The checks
// are made on it alone.
type view struct {
	client *kgo.Client
	topics []string
	schema *event.Schema
	done   chan struct{}
	cancel context.CancelFunc

	mu      sync.Mutex
	records map[string][]*kgo.Record // by topic, in order within a partition
	next    map[topicPartition]int64
	closed  int64 // records in runs that were closed
}

func (w *world) watch(topics []string) *view {
	w.tb.Helper()
	schema, err := event.CompileSchema(0, tallySchema)
	if err != nil {
		w.tb.Fatal(err)
	}
	client, err := w.cfg.Client(kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), kgo.RetryBackoffFn(retryBackoff))
	if err != nil {
		w.tb.Fatal(err)
	}
	v := &view{client: client, topics: topics, schema: schema, done: make(chan struct{}), records: make(map[string][]*kgo.Record), next: make(map[topicPartition]int64)}
	var ctx context.Context
	ctx, v.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(v.done)
		for ctx.Err() == nil {
			v.take(client.PollFetches(ctx))
		}
	}()
	return v
}

func (v *view) take(fetches kgo.Fetches) {
	v.mu.Lock()
	defer v.mu.Unlock()
	fetches.EachRecord(func(r *kgo.Record) {
		// A new leader of kfake that has written nothing yet knows no epoch before
		// its own, on which a client begins again.
		tp := topicPartition{r.Topic, r.Partition}
		if r.Offset < v.next[tp] {
			return
		}
		v.next[tp] = r.Offset + 1
		if r.Attrs.IsControl() {
			return
		}
		v.records[r.Topic] = append(v.records[r.Topic], r)
		if r.Topic == "runs" {
			t, err := v.tally(r)
			if err == nil {
				v.closed += t.Count
			}
		}
	})
}

func (v *view) tally(r *kgo.Record) (tally, error) {
	var t tally
	body, err := event.Body(r.Value)
	if err == nil {
		err = v.schema.DecodeBody(body, &t)
	}
	return t, err
}

func (v *view) close() {
	v.cancel()
	<-v.done
	v.client.Close()
}

// counts are how many inputs were written, copied, dead-lettered, and counted
// in runs.
func (v *view) counts() (inputs, copies, dead, closed int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.records["raw.a"]) + len(v.records["raw.b"]), len(v.records["copies"]), len(v.records[DeadLetterTopic]), int(v.closed)
}

// complete waits until all that was written has been seen: after leaders have
// moved the view may be seconds behind.
func (v *view) complete(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ends, err := readEnds(ctx, kadm.NewClient(v.client), v.topics)
	if err != nil {
		return err
	}
	for tp, end := range ends.stable {
		for v.at(tp) < end {
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return fmt.Errorf("wait for %s/%d up to %d: %w", tp.topic, tp.partition, end, err)
			}
		}
	}
	return nil
}

func (v *view) at(tp topicPartition) int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.next[tp]
}

// all is a copy of what was seen.
func (v *view) all() map[string][]*kgo.Record {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.records)
}
