package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
)

// span is what one partition holds: offsets from start up to, not with, end.
type span struct{ start, end int64 }

// spansOf pairs the offsets by topic and partition and returns how many there
// are in all.
func spansOf(starts, ends kadm.ListedOffsets) (map[string]map[int32]span, int64) {
	spans, total := map[string]map[int32]span{}, int64(0)
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(end.Topic, end.Partition)
		if spans[end.Topic] == nil {
			spans[end.Topic] = map[int32]span{}
		}
		spans[end.Topic][end.Partition] = span{start.Offset, end.Offset}
		total += end.Offset - start.Offset
	})
	return spans, total
}

// countTimeout bounds a counting: what holds more records is not counted so.
const countTimeout = 60 * time.Second

// countRecords reads all spans and counts, by topic, the committed records that
// are not transaction markers.
func countRecords(ctx context.Context, brokers kafka.Config, spans map[string]map[int32]span) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	counted := map[string]int64{}
	offsets := map[string]map[int32]kgo.Offset{}
	left := 0
	for topic, partitions := range spans {
		for p, s := range partitions {
			if s.end <= s.start {
				continue
			}
			if offsets[topic] == nil {
				offsets[topic] = map[int32]kgo.Offset{}
			}
			offsets[topic][p] = kgo.NewOffset().At(s.start)
			left++
		}
	}
	if left == 0 {
		return counted, nil
	}
	client, err := brokers.Client(kgo.ConsumePartitions(offsets), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MaxDecompressBatchBytes(64<<20),
		kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for quiet := time.Now(); left > 0 && time.Since(quiet) < idleEnd; {
		poll, stop := context.WithTimeout(ctx, time.Second)
		fetches := client.PollFetches(poll)
		stop()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("count records: %w", ctx.Err())
		}
		for _, failed := range fetches.Errors() {
			if !errors.Is(failed.Err, context.DeadlineExceeded) {
				return nil, fmt.Errorf("count records of %s: %w", failed.Topic, failed.Err)
			}
		}
		fetches.EachRecord(func(r *kgo.Record) {
			quiet = time.Now()
			end := spans[r.Topic][r.Partition].end
			if r.Offset < end && !r.Attrs.IsControl() {
				counted[r.Topic]++
			}
			if r.Offset == end-1 {
				left--
			}
		})
	}
	return counted, nil
}
