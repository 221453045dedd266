package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A log may end in offsets that no record has: the cleaner keeps a producer's
// last batch without its records, and drops that too once the producer has
// expired, while the end of the log stays. A client reads past such an end and
// says nothing of it, so who waits for the record before the end waits for ever.

// tailQuiet is how long a partition that is behind the end of its log brings
// nothing before it is asked what stands there.
const tailQuiet = time.Second

// emptyUntil asks the leader of the partition how far from the offset on no
// committed record stands, and no marker. It is the offset itself where one does.
// end is an end of the log that was stable.
func emptyUntil(ctx context.Context, admin *kadm.Client, client *kgo.Client, topic string, number int32, at, end int64) (int64, error) {
	found, err := fetchOnce(ctx, admin, client, topic, number, at)
	if err != nil {
		return at, fmt.Errorf("look at %s/%d from offset %d: %w", topic, number, at, err)
	}
	opts := kgo.ProcessFetchPartitionOpts{
		KeepControlRecords: true, Offset: at, IsolationLevel: kgo.ReadCommitted(), Topic: topic, Partition: number,
	}
	read, next := kgo.ProcessFetchPartition(opts, found, noDecompressor{}, nil)
	switch {
	case len(read.Records) > 0:
		return read.Records[0].Offset, nil
	case errors.Is(read.Err, errCompressed):
		return next, nil
	case read.Err != nil:
		return at, fmt.Errorf("look at %s/%d from offset %d: %w", topic, number, at, read.Err)
	case len(found.RecordBatches) == 0 && read.LastStableOffset >= end:
		return max(next, end), nil // a broker sends at least one batch where there is one, however large
	default:
		return next, nil
	}
}

// fetchOnce reads what stands first at the offset.
func fetchOnce(ctx context.Context, admin *kadm.Client, client *kgo.Client, topic string, number int32, at int64) (*kmsg.FetchResponseTopicPartition, error) {
	details, err := admin.ListTopics(ctx, topic)
	if err == nil {
		err = details[topic].Err
	}
	if err != nil {
		return nil, err
	}
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = number, at, 1 // and so one batch
	of := kmsg.NewFetchRequestTopic()
	of.Topic, of.TopicID = topic, details[topic].ID
	of.Partitions = append(of.Partitions, part)
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.IsolationLevel, req.SessionEpoch = 1, 1, -1 // committed records, of no session
	req.Topics = append(req.Topics, of)
	leader := details[topic].Partitions[number].Leader
	resp, err := req.RequestWith(ctx, client.Broker(int(leader)))
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("broker %d answers for %d topics", leader, len(resp.Topics))
	}
	return &resp.Topics[0].Partitions[0], nil
}

// noDecompressor stops at a compressed batch: it has records, and they may be
// large.
type noDecompressor struct{}

var errCompressed = errors.New("the batch is compressed")

// Decompress takes what is not compressed.
func (noDecompressor) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if codec == kgo.CodecNone {
		return src, nil
	}
	return nil, errCompressed
}
