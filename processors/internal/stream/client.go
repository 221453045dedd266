package stream

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// instanceID is this task's name in the group and, as transactional id, in the
// transaction coordinator. Both are stable over restarts: the one spares a
// rebalance, the other ends the transaction of the task's former life at once.
func instanceID(name, number string) string { return name + "-" + number }

// lingerUntilCommit is longer than a transaction stays open.
const lingerUntilCommit = 250 * time.Millisecond

// options of the task's client.
func (t *task) options(logger kgo.Logger) []kgo.Opt {
	id := instanceID(t.spec.Name, t.number)
	opts := []kgo.Opt{
		kgo.ConsumerGroup(t.spec.Name),
		kgo.InstanceID(id),
		kgo.TransactionalID(id),
		kgo.ConsumeTopics(t.spec.patterns()...),
		kgo.ConsumeRegex(),
		kgo.OnPartitionsAssigned(t.group.onAssigned),
		kgo.OnPartitionsRevoked(t.group.onRevoked),
		kgo.OnPartitionsLost(t.group.onRevoked),
		kgo.SessionTimeout(t.limits.SessionTimeout),
		kgo.HeartbeatInterval(time.Second),
		kgo.RebalanceTimeout(30 * time.Second),

		// Where nothing was committed, a topic is read from its first event: so is
		// one that appears later. An offset that the log no longer has is never
		// replaced by another: see fetchFailed.
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // markers count for the position, and so for lag
		kgo.MaxDecompressBatchBytes(maxDecompressBytes),
		kgo.FetchMaxBytes(4 << 20),
		kgo.FetchMaxWait(500 * time.Millisecond),

		kgo.TransactionTimeout(t.limits.TransactionTimeout),
		kgo.RecordPartitioner(partitioner{kgo.StickyKeyPartitioner(nil)}),
		// Nothing of a transaction is read before its end, and its end flushes: one
		// batch per partition, not one for each few milliseconds. Full ones go out.
		kgo.ProducerLinger(lingerUntilCommit),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.ProducerBatchMaxBytesFn(batchBytes),
		kgo.BrokerMaxWriteBytes(100 << 20),

		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.MetadataMaxAge(2 * time.Second),
		kgo.RetryBackoffFn(retryBackoff),
		// A broker that restarts closes connections that it has just taken. The settings
		// are right: the task looked at the brokers before it began.
		kgo.AlwaysRetryEOF(),
	}
	opts = append(opts, t.groupOptions()...)
	if logger != nil {
		opts = append(opts, kgo.WithLogger(logger))
	}
	return opts
}

// batchBytes bounds a batch of the topic.
func batchBytes(topic string) int32 {
	if topic == DeadLetterTopic {
		return maxDeadLetterBytes
	}
	return maxRecordBytes
}

// refusedID says why the coordinator did not give this task its transactional id.
func (t *task) refusedID(err error) error {
	if errors.Is(err, kerr.InvalidTransactionTimeout) {
		return fatalf("start %s: its transaction timeout is %s, the brokers allow less: raise their transaction.max.timeout.ms (%v)",
			t.spec.Name, t.limits.TransactionTimeout, err)
	}
	return fmt.Errorf("take transactional id %s: %w", instanceID(t.spec.Name, t.number), err)
}

// partitioner puts a record where it says, or else where the hash of its key
// puts it in every Kafka client.
type partitioner struct{ byKey kgo.Partitioner }

// ForTopic makes the topic's partitioner.
func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	return topicPartitioner{p.byKey.ForTopic(topic)}
}

type topicPartitioner struct{ byKey kgo.TopicPartitioner }

// RequiresConsistency says that a record waits for its partition.
func (topicPartitioner) RequiresConsistency(*kgo.Record) bool { return true }

// Partition is the record's own partition, or that of its key.
func (p topicPartitioner) Partition(r *kgo.Record, n int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return p.byKey.Partition(r, n)
}
