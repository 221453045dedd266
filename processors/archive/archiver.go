package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/archive"
	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/schemas/processed"
)

const (
	group = "archive" // also the principal and client id
	topic = processed.CustomerEventTopic

	pollRecords = 5000
	pollWait    = 250 * time.Millisecond
	// writeTimeout bounds a write, so that a storage that hangs is one that fails.
	writeTimeout = 2 * time.Minute
	// drainTimeout bounds the last writes after SIGTERM, unless the settings do. What
	// they do not reach is read again by the next owner.
	drainTimeout = 45 * time.Second
)

// archiver reads the processed events of its partitions and writes them as batches.
type archiver struct {
	settings settings
	client   *kgo.Client
	admin    *kadm.Client
	registry *event.Registry
	writer   *archive.Writer
	metrics  *metrics

	mu      sync.Mutex // the rest is shared with the group's callbacks
	batches map[int32]*batch
	stopped map[int32]error // partitions that an operator has to see to
}

func newArchiver(ctx context.Context, s settings) (*archiver, error) {
	store, err := archive.Open(ctx, s.archive)
	if err != nil {
		return nil, err
	}
	a := &archiver{
		settings: s, writer: archive.NewWriter(store, topic), metrics: newMetrics(),
		batches: make(map[int32]*batch), stopped: make(map[int32]error),
	}
	if a.registry, err = event.NewRegistry(s.registry); err != nil {
		return nil, err
	}
	// The client joins the group in the background as soon as it is made: its
	// callbacks wait until the archiver is whole.
	a.mu.Lock()
	defer a.mu.Unlock()
	a.client, err = s.kafka.Client(
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.DisableAutoCommit(),
		// Where to begin is the archive's to say: never guess.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.MaxDecompressBatchBytes(64<<20),
		kgo.AdjustFetchOffsetsFn(a.assigned),
		kgo.OnPartitionsRevoked(a.gone),
		kgo.OnPartitionsLost(a.gone),
	)
	if err != nil {
		return nil, err
	}
	a.admin = kadm.NewClient(a.client)
	return a, nil
}

func (a *archiver) close() { a.client.Close() }

// assigned begins each new partition where its commits in the archive end, whatever
// the group's offsets say.
func (a *archiver) assigned(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	a.mu.Lock()
	admin := a.admin
	a.mu.Unlock()
	details, err := admin.ListTopics(ctx, topic)
	if err == nil {
		err = details.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", topic, err)
	}
	id := details[topic].ID
	for number := range offsets[topic] {
		b := &batch{stream: archive.Stream{TopicID: hex.EncodeToString(id[:]), Partition: number}}
		if b.first, err = a.writer.Position(ctx, b.stream); err != nil {
			return nil, fmt.Errorf("find where partition %d of the archive ends: %w", number, err)
		}
		b.next = b.first
		offsets[topic][number] = kgo.NewOffset().At(b.first)
		if b.first == 0 {
			offsets[topic][number] = kgo.NewOffset().AtStart()
		}
		a.mu.Lock()
		a.batches[number] = b
		a.metrics.partitions.Set(float64(len(a.batches)))
		a.mu.Unlock()
	}
	return offsets, nil
}

// gone drops what was read of partitions that others own now, who read it again.
func (a *archiver) gone(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, number := range lost[topic] {
		delete(a.batches, number)
		delete(a.stopped, number)
	}
	a.metrics.partitions.Set(float64(len(a.batches)))
}

// notReady says why the archiver is not ready, "" when it is.
func (a *archiver) notReady() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for number, err := range a.stopped {
		return fmt.Sprintf("partition %d stopped: %v", number, err)
	}
	if len(a.batches) == 0 {
		return "no partition is assigned"
	}
	return ""
}

// run works until ctx ends, then writes what is left.
func (a *archiver) run(ctx context.Context) error {
	a.work(ctx)
	return a.drain()
}

// work reads and writes until ctx ends.
func (a *archiver) work(ctx context.Context) {
	for ctx.Err() == nil {
		if a.blocked() {
			a.writeDue(ctx, time.Now())
			pause(ctx, pollWait)
			continue
		}
		poll, cancel := context.WithTimeout(ctx, pollWait)
		fetches := a.client.PollRecords(poll, pollRecords)
		cancel()
		fetches.EachError(a.fetchFailed)
		fetches.EachRecord(func(r *kgo.Record) { a.take(ctx, r) })
		a.writeDue(ctx, time.Now())
	}
}

// blocked says that a batch is full and could not be written: reading on would fill
// the memory.
func (a *archiver) blocked() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range a.batches {
		if b.failures > 0 && b.full(a.settings.limits) {
			return true
		}
	}
	return false
}

// take adds a record to its partition's batch. While the registry cannot be asked it
// waits: nothing may be left out.
func (a *archiver) take(ctx context.Context, r *kgo.Record) {
	b := a.owner(r)
	if b == nil {
		return
	}
	row, why, err := readRow(ctx, a.registry, r)
	for wait := pollWait; err != nil && ctx.Err() == nil && a.owner(r) == b; wait = min(2*wait, 5*time.Second) {
		slog.Warn("waiting for the schema registry", "partition", r.Partition, "offset", r.Offset, "err", err)
		pause(ctx, wait)
		row, why, err = readRow(ctx, a.registry, r)
	}
	if err != nil {
		return // told to stop, or another task's by now: it is read again
	}
	if why != nil {
		a.metrics.undecoded.Inc()
		slog.Error("keep a record as bytes: it cannot be read", "partition", r.Partition, "offset", r.Offset, "err", why)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.batches[r.Partition] == b {
		b.add(row, time.Now())
	}
}

// owner returns the batch that waits for the record, nil when none does.
func (a *archiver) owner(r *kgo.Record) *batch {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b := a.batches[r.Partition]; b != nil && r.Offset >= b.next {
		return b
	}
	return nil
}

// fetchFailed stops a partition whose events are no longer there to be archived: to
// go on elsewhere would leave a hole that nobody sees.
func (a *archiver) fetchFailed(name string, number int32, err error) {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return
	}
	slog.Error("read events", "topic", name, "partition", number, "err", err)
	if errors.Is(err, kerr.OffsetOutOfRange) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.stopped[number] = fmt.Errorf("the archive ends at an offset that %s no longer has: %w", topic, err)
	}
}

// writeDue writes the batches whose time has come.
func (a *archiver) writeDue(ctx context.Context, now time.Time) {
	var due []*batch
	oldest := now
	a.mu.Lock()
	for _, b := range a.batches {
		if len(b.rows) > 0 && b.since.Before(oldest) {
			oldest = b.since
		}
		if b.due(a.settings, now) {
			due = append(due, b)
		}
	}
	a.mu.Unlock()
	a.metrics.oldest.Set(now.Sub(oldest).Seconds())
	for _, b := range due {
		if err := a.write(ctx, b); err != nil && ctx.Err() == nil {
			a.metrics.failures.Inc()
			slog.Error("write batch: it is tried again", "partition", b.stream.Partition, "first", b.first, "rows", len(b.rows), "err", err)
			b.failed(time.Now())
		}
	}
}

// write commits one batch to the archive, then its offset to the group, for those
// who watch its lag.
func (a *archiver) write(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	begun := time.Now()
	c, err := a.writer.Write(ctx, b.stream, b.first, b.next, b.rows)
	if err != nil {
		return err
	}
	a.count(c, c.Next != b.next || c.Rows != len(b.rows), time.Since(begun))
	number := b.stream.Partition
	a.mu.Lock()
	b.committed(c.Next, time.Now())
	mine := a.batches[number] == b
	a.mu.Unlock()
	if mine {
		a.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{topic: {number: {Epoch: -1, Offset: c.Next}}}, nil)
	}
	_, err = a.writer.Sweep(ctx, b.stream, c.Next)
	if err != nil {
		slog.Warn("sweep what dead writers left: it is tried again with the next batch", "partition", number, "err", err)
	}
	return nil
}

func (a *archiver) count(c archive.Commit, lost bool, took time.Duration) {
	if lost {
		a.metrics.lost.Inc()
		slog.Warn("another task committed the batch first", "partition", c.Partition, "first", c.First, "next", c.Next)
		return
	}
	a.metrics.took.Observe(took.Seconds())
	a.metrics.rows.Add(float64(c.Rows))
	a.metrics.files.Add(float64(len(c.Files)))
	for _, f := range c.Files {
		a.metrics.bytes.Add(float64(f.Bytes))
	}
}

// drain writes what is left and leaves the group.
func (a *archiver) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), a.settings.drain)
	defer cancel()
	var errs []error
	a.mu.Lock()
	var left []*batch
	for _, b := range a.batches {
		if len(b.rows) > 0 {
			left = append(left, b)
		}
	}
	a.mu.Unlock()
	for _, b := range left {
		errs = append(errs, a.write(ctx, b))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("write what was read before stopping (the next task reads it again): %w", err)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
