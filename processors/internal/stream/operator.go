package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/topology"
)

// operator does what an operator asks of a processor that stands still. It is no
// member of the group: the brokers take offsets from such a one only while the
// group is empty, which guards what idle has found.
type operator struct {
	cfg      kafka.Config
	spec     Spec
	stateDir string // of the deployment on this machine; empty for none
	client   *kgo.Client
	admin    *kadm.Client
	now      time.Time
}

const (
	// operatorTransaction is how long a reset may take to clear the state: below
	// the brokers' transaction.max.timeout.ms, 15 minutes by default.
	operatorTransaction = 10 * time.Minute
	// operatorPatience bounds the wait for a killed task's transaction to end.
	operatorPatience = 30 * time.Second
	// operatorBatchBytes is what one batch may become in memory. It is more than a
	// task takes, whose limit may be why the batch has to be skipped.
	operatorBatchBytes = 1 << 30
)

// operate answers --reset and --skip on standard output and returns the exit code.
func operate(flag, request string, spec Spec) int {
	ctx := context.Background()
	report, err := func() (any, error) {
		cfg, err := kafka.FromEnvironment()
		if err != nil {
			return nil, err
		}
		o, err := newOperator(cfg, spec, os.Getenv(envStateDir))
		if err != nil {
			return nil, err
		}
		defer o.client.Close()
		if flag == "--reset" {
			var wish topology.Reset
			if err := json.Unmarshal([]byte(request), &wish); err != nil {
				return nil, fmt.Errorf("read what to reset: %w", err)
			}
			return o.reset(ctx, wish)
		}
		var wish topology.Skip
		if err := json.Unmarshal([]byte(request), &wish); err != nil {
			return nil, fmt.Errorf("read what to skip: %w", err)
		}
		return o.skip(ctx, wish)
	}()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(report)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// newOperator makes an operator. Its transactional id is one for all: a second
// operator fences the first.
func newOperator(cfg kafka.Config, spec Spec, stateDir string) (*operator, error) {
	client, err := cfg.Client(
		kgo.TransactionalID(instanceID(spec.Name, "operator")),
		kgo.TransactionTimeout(operatorTransaction),
		kgo.RecordPartitioner(partitioner{kgo.StickyKeyPartitioner(nil)}),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.ProducerBatchMaxBytesFn(batchBytes),
		kgo.BrokerMaxWriteBytes(100<<20),
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RetryBackoffFn(retryBackoff),
	)
	if err != nil {
		return nil, err
	}
	return &operator{cfg: cfg, spec: spec, stateDir: stateDir, client: client, admin: kadm.NewClient(client), now: time.Now().UTC()}, nil
}

// idle is an error while the group has members.
func (o *operator) idle(ctx context.Context) error {
	members := 0
	classic, err := o.admin.DescribeGroups(ctx, o.spec.Name)
	if err != nil {
		return fmt.Errorf("describe group %s: %w", o.spec.Name, err)
	}
	members += len(classic[o.spec.Name].Members)
	// A group that the brokers assign answers to the other request only.
	assigned, err := o.admin.DescribeConsumerGroups(ctx, o.spec.Name)
	if err != nil {
		return fmt.Errorf("describe group %s: %w", o.spec.Name, err)
	}
	members += len(assigned[o.spec.Name].Members)
	if members > 0 {
		return fmt.Errorf("%s runs: its group has %d members: run headwater pause %s first (a task that was killed stays a member for up to %v)",
			o.spec.Name, members, o.spec.Name, DefaultLimits().SessionTimeout)
	}
	return nil
}

// logEnds are where the partitions of some topics begin and end.
type logEnds struct{ start, end kadm.ListedOffsets }

// ends reads the ends of the topics, once no transaction is open below them.
func (o *operator) ends(ctx context.Context, topics ...string) (logEnds, error) {
	ctx, cancel := context.WithTimeout(ctx, operatorPatience)
	defer cancel()
	for {
		starts, err := o.admin.ListStartOffsets(ctx, topics...)
		stable, stableErr := o.admin.ListCommittedOffsets(ctx, topics...)
		high, highErr := o.admin.ListEndOffsets(ctx, topics...)
		if err := errors.Join(err, stableErr, highErr, starts.Error(), stable.Error(), high.Error()); err != nil {
			return logEnds{}, fmt.Errorf("find the ends of %q: %w", topics, err)
		}
		open := ""
		high.Each(func(h kadm.ListedOffset) {
			if s, ok := stable.Lookup(h.Topic, h.Partition); ok && s.Offset < h.Offset {
				open = fmt.Sprintf("%s/%d", h.Topic, h.Partition)
			}
		})
		if open == "" {
			return logEnds{starts, stable}, nil
		}
		if pause(ctx, 50*time.Millisecond) != nil {
			return logEnds{}, fmt.Errorf("a transaction stays open on %s: wait until its task has ended it, or its timeout has", open)
		}
	}
}

// committed are the group's offsets by topic and partition.
func (o *operator) committed(ctx context.Context) (kadm.OffsetResponses, error) {
	offsets, err := o.admin.FetchOffsets(ctx, o.spec.Name)
	if err == nil {
		err = offsets.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read the offsets of group %s: %w", o.spec.Name, err)
	}
	return offsets, nil
}

// committedAt is one of them; -1 for none.
func committedAt(offsets kadm.OffsetResponses, topic string, partition int32) int64 {
	if at, ok := offsets.Lookup(topic, partition); ok {
		return at.At
	}
	return -1
}

// scan hands over the committed records from start up to and without end.
func (o *operator) scan(ctx context.Context, tp topicPartition, start, end int64, use func(*kgo.Record) error) error {
	if start >= end {
		return nil
	}
	client, err := o.cfg.Client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{tp.topic: {tp.partition: kgo.NewOffset().At(start)}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the last record may be a marker
		kgo.FetchMaxBytes(restoreFetchBytes),
		kgo.MaxDecompressBatchBytes(operatorBatchBytes),
		kgo.RetryBackoffFn(retryBackoff),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	for next := start; next < end; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read %s/%d from offset %d: %w", tp.topic, tp.partition, next, err)
		}
		var failed error
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if r.Offset < end && !r.Attrs.IsControl() && failed == nil {
				failed = use(r)
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

// transact writes what fill sends, the report as a note in the ledger and the
// offsets, all or nothing. fill may still complete the report. The note also makes the client know of a transaction to end.
func (o *operator) transact(ctx context.Context, note string, report any, moves []topology.Move, fill func(send func(*kgo.Record)) error) error {
	details, err := o.admin.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	if err := o.client.BeginTransaction(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	var mu sync.Mutex
	var failed error
	send := func(r *kgo.Record) {
		o.client.Produce(ctx, r, func(r *kgo.Record, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil && failed == nil {
				failed = fmt.Errorf("write %s: %w", r.Topic, err)
			}
		})
	}
	err = fill(send)
	if text, noteErr := json.Marshal(report); err == nil && noteErr == nil {
		send(&kgo.Record{Topic: LedgerTopic, Partition: anyPartition, Key: []byte("operator/" + note), Value: text})
	} else {
		err = errors.Join(err, noteErr)
	}
	err = errors.Join(err, o.client.Flush(ctx))
	mu.Lock()
	err = errors.Join(err, failed)
	mu.Unlock()
	try := kgo.TryAbort
	if err == nil {
		err = o.commitOffsets(ctx, moves, details)
	}
	if err == nil {
		try = kgo.TryCommit
	}
	if endErr := o.client.EndTransaction(context.WithoutCancel(ctx), try); endErr != nil {
		err = errors.Join(err, fmt.Errorf("end transaction: %w", endErr))
	}
	return err
}

// commitOffsets makes the offsets part of the open transaction.
func (o *operator) commitOffsets(ctx context.Context, moves []topology.Move, details kadm.TopicDetails) error {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	for _, m := range moves {
		req.Topics = append(req.Topics, offsetOf(m.Topic, details[m.Topic].ID, m.Partition, kgo.EpochOffset{Epoch: -1, Offset: m.To}))
	}
	if len(req.Topics) == 0 {
		return nil
	}
	id, epoch, err := o.client.ProducerID(ctx)
	if err != nil {
		return fmt.Errorf("move offsets: %w", err)
	}
	req.TransactionalID, req.Group = instanceID(o.spec.Name, "operator"), o.spec.Name
	req.ProducerID, req.ProducerEpoch = id, epoch
	resp, err := req.RequestWith(ctx, o.client)
	if err != nil {
		return fmt.Errorf("move offsets: %w", err)
	}
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("move the offset of partition %d: %w (is %s running again?)", p.Partition, err, o.spec.Name)
			}
		}
	}
	return nil
}
