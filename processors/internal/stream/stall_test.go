package stream

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Defends whoever is on duty against a silent standstill: a task that hangs, here in
// its rule, shows each partition that does not go on, with records waiting, as a
// metric, in /readyz and once in its log; and takes it back when it goes on. What is
// idle, held, or behind a marker is none.
func TestStandstillIsSeen(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 3, "raw.a", "raw.b")
	hang, hangs := make(chan struct{}), atomic.Bool{}
	rule := &tallyRule{onApply: func(in *Input) {
		if string(in.Key) == "stuck" && hangs.Load() {
			<-hang
		}
	}}
	r := p.start(tallySpec, rule, 0, func(task *task) { task.stalls.after = 2 * time.Second })
	sent := map[string]int{"before": 1, "stuck": 1}
	p.produce(onPartition(number("raw.a", "before", 1), 0))
	p.checkCopies(map[string]int{"before": 1})
	p.aborted("raw.b", 2) // all that partition has is a marker
	eventually(t, "the task knows how many partitions there are", func() bool {
		return value(t, r, "headwater_stream_input_partitions") == 3
	})
	eventually(t, "the marker is passed", func() bool {
		r.t.progress.mu.Lock()
		defer r.t.progress.mu.Unlock()
		return r.t.progress.spots[topicPartition{"raw.b", 2}].at == 2
	})
	hangs.Store(true)
	p.produce(onPartition(number("raw.a", "stuck", 1), 1))
	eventually(t, "the standstill is seen", func() bool {
		return value(t, r, "headwater_stream_stalled", "topic", "raw.a", "partition", "1") == 1
	})
	if why := r.t.halts.stopped(); !strings.Contains(why, "raw.a/1 stands still at offset 0 of 1") {
		t.Errorf("/readyz says %q", why)
	}
	for _, healthy := range []struct{ topic, partition string }{{"raw.a", "0"}, {"raw.b", "2"}} {
		if value(t, r, "headwater_stream_stalled", "topic", healthy.topic, "partition", healthy.partition) == 1 {
			t.Errorf("%v is said to stand still", healthy)
		}
	}
	close(hang)
	eventually(t, "it goes on", func() bool {
		return value(t, r, "headwater_stream_stalled", "topic", "raw.a", "partition", "1") == -1 && r.t.halts.stopped() == ""
	})
	p.checkCopies(sent)
}

// Defends the same against outputs that are never taken: records were processed, and the
// position that counts is the committed one.
func TestUnwrittenOutputIsAStandstill(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 1, "raw.a")
	r := p.start(tallySpec, &tallyRule{}, 0, func(task *task) { task.stalls.after = 2 * time.Second })
	p.checkCopies(p.produceKeys("raw.a", 1))
	if err := p.cluster.Fake().DeleteTopic("copies"); err != nil { // every transaction is refused, and tried again
		t.Fatal(err)
	}
	p.produce(number("raw.a", "k", 1))
	eventually(t, "the standstill is seen", func() bool {
		return value(t, r, "headwater_stream_stalled", "topic", "raw.a", "partition", "0") == 1
	})
}

// aborted writes a record to the partition in a transaction that aborts.
func (p *platform) aborted(topic string, number int32) {
	p.tb.Helper()
	client, err := p.cluster.Config.Client(kgo.TransactionalID("aborts"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		p.tb.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		p.tb.Fatal(err)
	}
	if err := client.ProduceSync(p.tb.Context(), &kgo.Record{Topic: topic, Partition: number, Value: []byte("no")}).FirstErr(); err != nil {
		p.tb.Fatal(err)
	}
	if err := client.EndTransaction(p.tb.Context(), kgo.TryAbort); err != nil {
		p.tb.Fatal(err)
	}
}
