package stream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
)

// restorer brings the state of partitions that a task was given up to date.
type restorer struct {
	cfg     kafka.Config
	admin   *kadm.Client
	spec    Spec
	waker   Waker
	rule    Rule
	disk    vfs.FS
	dir     string // holds one directory per partition
	task    string
	warm    *standbys // nil without
	metrics *metrics
	log     *slog.Logger
}

// restored is a partition's state with what it was made with.
type restored struct {
	number int32
	store  *store
	meta   stateMeta
	next   int64 // first offset of the changelog that is missing
	end    int64 // where it is complete
	looked int64 // of a warm copy: next when it was last looked at
}

// restore opens and catches up the state of the partitions. inputs are the
// partition counts of the topics that are read now. On error nothing is left
// open.
//
// It ends at the high watermark of each changelog as it was when the partition
// was assigned, once the last stable offset has come up to it: what a
// predecessor wrote before it lost the partition lies below, committed or
// aborted, and nothing it writes later can commit.
func (r *restorer) restore(ctx context.Context, numbers []int32, inputs map[string]int32) (list []*restored, err error) {
	begun := time.Now()
	defer func() {
		if err != nil {
			for _, one := range list {
				err = errors.Join(err, one.store.close())
			}
		}
	}()
	logs, err := r.changelogs(ctx, numbers)
	if err == nil {
		err = r.awaitStable(ctx, numbers, logs)
	}
	if err != nil {
		return nil, err
	}
	locked := time.Now().Add(lockPatience)
	for i, number := range numbers {
		one, err := r.prepare(ctx, number, logs[i], locked)
		if err != nil {
			return list, err
		}
		list = append(list, one)
	}
	n, err := r.replay(ctx, list)
	if err != nil {
		return list, err
	}
	for _, one := range list {
		if one.meta, err = r.checkMeta(one.store, inputs); err != nil {
			return list, err
		}
	}
	r.metrics.restored(n, time.Since(begun))
	r.log.Info("restored state", "partitions", numbers, "records", n, "took", time.Since(begun).Round(time.Millisecond))
	return list, nil
}

// changelog is where the changelog of one partition begins and ends.
type changelog struct {
	topicID    [16]byte
	start, end int64
}

func (r *restorer) changelogs(ctx context.Context, numbers []int32) ([]changelog, error) {
	topic := r.spec.State.Topic
	details, err := r.admin.ListTopics(ctx, topic)
	if err == nil {
		err = details[topic].Err
	}
	if err != nil {
		return nil, fmt.Errorf("find state topic %s: %w", topic, err)
	}
	starts, err := r.admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("find start of %s: %w", topic, err)
	}
	ends, err := r.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("find end of %s: %w", topic, err)
	}
	logs := make([]changelog, len(numbers))
	for i, number := range numbers {
		if n := len(details[topic].Partitions); int(number) >= n {
			return nil, fatalf("start %s: topic %s has %d partitions, an input has more: give it as many", r.spec.Name, topic, n)
		}
		start, _ := starts.Lookup(topic, number)
		end, _ := ends.Lookup(topic, number)
		if err := errors.Join(start.Err, end.Err); err != nil {
			return nil, fmt.Errorf("find ends of %s: %w", topic, err)
		}
		logs[i] = changelog{topicID: details[topic].ID, start: start.Offset, end: end.Offset}
	}
	return logs, nil
}

// awaitStable waits until no transaction is open below the ends.
func (r *restorer) awaitStable(ctx context.Context, numbers []int32, logs []changelog) error {
	topic := r.spec.State.Topic
	for told := time.Now(); ; {
		stable, err := r.admin.ListCommittedOffsets(ctx, topic)
		if err != nil {
			return fmt.Errorf("find last stable offset of %s: %w", topic, err)
		}
		waiting := slices.IndexFunc(numbers, func(number int32) bool {
			at, ok := stable.Lookup(topic, number)
			return !ok || at.Err != nil || at.Offset < logs[slices.Index(numbers, number)].end
		})
		if waiting < 0 {
			return nil
		}
		if time.Since(told) > 5*time.Second {
			r.log.Warn("wait for another task's transaction to end", "partition", numbers[waiting])
			told = time.Now()
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// changelogOptions are those of a client that reads a changelog.
func changelogOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the last record may be a marker
		kgo.FetchMaxBytes(restoreFetchBytes),
		kgo.MaxDecompressBatchBytes(maxDecompressBytes),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.RetryBackoffFn(retryBackoff),
	}
}

// replay applies what the stores miss of the changelog and reports how many
// records that was.
func (r *restorer) replay(ctx context.Context, list []*restored) (int, error) {
	offsets := make(map[int32]kgo.Offset)
	byNumber := make(map[int32]*restored)
	for _, one := range list {
		if one.next < one.end {
			offsets[one.number] = kgo.NewOffset().At(one.next)
			byNumber[one.number] = one
		}
	}
	if len(offsets) == 0 {
		return 0, nil
	}
	client, err := r.cfg.Client(append(changelogOptions(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.spec.State.Topic: offsets}))...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	defer func() { // what an error leaves undone is not under way any more
		for _, one := range byNumber {
			r.metrics.restoreLeft.Sub(float64(one.end - one.next))
		}
	}()
	for _, one := range byNumber {
		r.metrics.restoreLeft.Add(float64(one.end - one.next))
	}
	n := 0
	for len(byNumber) > 0 {
		polled, cancel := context.WithTimeout(ctx, tailQuiet)
		fetches := client.PollFetches(polled)
		cancel()
		if err := fetches.Err(); errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			if err := r.passTails(ctx, client, byNumber); err != nil {
				return n, err
			}
			continue
		} else if err != nil {
			return n, fmt.Errorf("read %s: %w", r.spec.State.Topic, err)
		}
		var failed error
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			one, ok := byNumber[f.Partition]
			if !ok || len(f.Records) == 0 {
				return
			}
			before := one.next
			took, err := r.replayBatch(one, f.Records)
			r.metrics.restoreLeft.Sub(float64(one.next - before))
			failed = errors.Join(failed, err)
			n += took
			if one.next >= one.end {
				delete(byNumber, f.Partition)
			}
		})
		if failed != nil {
			return n, failed
		}
	}
	return n, nil
}

// passTails takes stores past the ends of their changelogs where no records
// stand. One that is past the end is taken out of the map.
func (r *restorer) passTails(ctx context.Context, client *kgo.Client, byNumber map[int32]*restored) error {
	for number, one := range byNumber {
		next, err := emptyUntil(ctx, r.admin, client, r.spec.State.Topic, number, one.next, one.end)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("look at the end of the changelog", "err", err) // the client goes on reading
		}
		if next <= one.next {
			continue
		}
		r.metrics.restoreLeft.Sub(float64(next - one.next))
		if err := one.reach(one.store.db.NewBatch(), nil, next); err != nil {
			return err
		}
		if one.next >= one.end {
			delete(byNumber, number)
		}
	}
	return nil
}

// reach applies the batch together with how far it reaches.
func (one *restored) reach(batch *pebble.Batch, due dueList, next int64) error {
	one.next = next
	meta := one.store.local
	meta.next, meta.appliedAt = next, time.Now()
	var err error
	if meta.dueEntries, err = due.write(batch, meta.dueEntries); err != nil {
		return fmt.Errorf("write state %s: %w", one.store.dir, err)
	}
	return one.store.commit(batch, meta)
}

// replayBatch applies records of one partition together with how far they reach.
func (r *restorer) replayBatch(one *restored, records []*kgo.Record) (int, error) {
	batch := one.store.db.NewBatch()
	var due dueList
	n := 0
	for _, rec := range records {
		if rec.Attrs.IsControl() {
			continue
		}
		n++
		if err := r.replayRecord(batch, &due, rec); err != nil {
			return n, fmt.Errorf("write state %s: %w", one.store.dir, err)
		}
	}
	return n, one.reach(batch, due, records[len(records)-1].Offset+1)
}

func (r *restorer) replayRecord(batch *pebble.Batch, list *dueList, rec *kgo.Record) error {
	if len(rec.Key) == 0 || (rec.Key[0] != spaceRule && rec.Key[0] != spaceRuntime && rec.Key[0] != spaceNext) {
		return nil // nobody of ours wrote it
	}
	if rec.Value == nil {
		return batch.Delete(rec.Key, nil)
	}
	if due, ok := r.dueOf(rec.Key, rec.Value); ok {
		list.add(due, rec.Key)
	}
	return batch.Set(rec.Key, rec.Value, nil)
}

// dueOf is when the entry wants to be woken. A rule that migrates may meet an
// entry of an older version here, which it cannot read; what it says of that does
// not count, since each entry is indexed again when it is migrated.
func (r *restorer) dueOf(stored, value []byte) (due time.Time, ok bool) {
	if _, migrates := r.rule.(Migrator); migrates {
		defer func() {
			if recover() != nil {
				due, ok = time.Time{}, false
			}
		}()
	}
	return dueOf(r.waker, stored, value)
}

// checkMeta holds what the state was made with against what is so now.
func (r *restorer) checkMeta(s *store, inputs map[string]int32) (stateMeta, error) {
	var meta stateMeta
	value, err := s.get([]byte(runtimeKey(keyMeta, "")))
	if err != nil {
		return meta, err
	}
	if value == nil {
		meta = stateMeta{Version: r.spec.State.Version, Key: make([]byte, 16), Inputs: make(map[string]int32), dirty: true}
		_, _ = rand.Read(meta.Key) // never fails, by its contract
	} else if err := json.Unmarshal(value, &meta); err != nil {
		return meta, fmt.Errorf("read what the state was made with: %w", err)
	}
	copy(meta.secret[:], meta.Key)
	_, migrates := r.rule.(Migrator)
	if err := meta.admitVersion(r.spec, migrates); err != nil {
		return meta, err
	}
	return meta, meta.admit(r.spec.Name, inputs)
}

// admit records the partition counts of inputs that are new and refuses a
// changed one: keys would meet state that is not theirs.
func (m *stateMeta) admit(name string, inputs map[string]int32) error {
	for topic, now := range inputs {
		before, known := m.Inputs[topic]
		switch {
		case !known:
			m.Inputs[topic] = now
			m.dirty = true
		case before != now:
			return fatalf("start %s: topic %s had %d partitions when the state was made and has %d now, so keys would meet other keys' state: "+
				"reset the processor's state and offsets, or put the old number back", name, topic, before, now)
		}
	}
	return nil
}

// fatalError is one that a restart of the task cannot mend.
type fatalError struct{ text string }

// Error says what is wrong and how to mend it.
func (e *fatalError) Error() string { return e.text }

func fatalf(format string, args ...any) error {
	return &fatalError{fmt.Sprintf(format, args...)}
}

func retryBackoff(tries int) time.Duration {
	return min(time.Duration(tries)*50*time.Millisecond, time.Second)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// restoreFetchBytes bounds one fetch while restoring, and so a Pebble batch.
const restoreFetchBytes = 8 << 20

// maxDecompressBytes bounds what one compressed batch may become in memory.
const maxDecompressBytes = 64 << 20
