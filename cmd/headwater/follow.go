package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
)

// follower reads the committed records of one topic without a group.
type follower struct {
	client     *kgo.Client
	topic      string
	partitions []int32
	pending    map[int32]int64 // where each partition ended at the start, until it is read to there
}

// dialTime bounds finding a topic's offsets.
const dialTime = 15 * time.Second

// follow opens a topic at its start or at its end.
func follow(ctx context.Context, brokers kafka.Config, topic string, fromStart bool) (*follower, error) {
	if fromStart {
		return followFrom(ctx, brokers, topic, (*kadm.Client).ListStartOffsets)
	}
	return followFrom(ctx, brokers, topic, nil)
}

// followSince opens a topic at what was received since.
func followSince(ctx context.Context, brokers kafka.Config, topic string, since time.Time) (*follower, error) {
	return followFrom(ctx, brokers, topic, func(admin *kadm.Client, ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
		return admin.ListOffsetsAfterMilli(ctx, max(0, since.UnixMilli()), topics...)
	})
}

// startOf finds where to begin with each partition of topics.
type startOf func(admin *kadm.Client, ctx context.Context, topics ...string) (kadm.ListedOffsets, error)

// followFrom opens a topic where from says, at its end without.
func followFrom(ctx context.Context, brokers kafka.Config, topic string, from startOf) (*follower, error) {
	client, err := brokers.Client(
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MaxDecompressBatchBytes(64<<20),
		kgo.KeepControlRecords(), // their offsets count towards the end
		kgo.FetchMaxWait(500*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	f := &follower{client: client, topic: topic, pending: map[int32]int64{}}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if err := f.open(ctx, from); err != nil {
		client.Close()
		return nil, err
	}
	return f, nil
}

func (f *follower) open(ctx context.Context, from startOf) error {
	admin := kadm.NewClient(f.client)
	var starts kadm.ListedOffsets
	if from != nil {
		var err error
		starts, err = from(admin, ctx, f.topic)
		if err = errors.Join(err, starts.Error()); err != nil {
			return f.explain(ctx, admin, err)
		}
	}
	ends, err := admin.ListCommittedOffsets(ctx, f.topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		return f.explain(ctx, admin, err)
	}
	at := map[int32]kgo.Offset{}
	ends.Each(func(end kadm.ListedOffset) {
		first := end.Offset
		if start, ok := starts.Lookup(end.Topic, end.Partition); ok && start.Offset < end.Offset {
			first = start.Offset
			f.pending[end.Partition] = end.Offset
		}
		f.partitions = append(f.partitions, end.Partition)
		at[end.Partition] = kgo.NewOffset().At(first)
	})
	f.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{f.topic: at})
	return nil
}

// explain names the topics there are when the one asked for is not among them.
func (f *follower) explain(ctx context.Context, admin *kadm.Client, err error) error {
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("open topic %s at %s: %w", f.topic, strings.Join(kafka.SplitServers(seeds(f.client)), ","), err)
	}
	topics, listErr := admin.ListTopics(ctx)
	if listErr != nil {
		return fmt.Errorf("open topic %s: %w", f.topic, err)
	}
	var names []string
	for _, t := range topics.Sorted() {
		if t.Err == nil { // the one asked for may be listed with its error
			names = append(names, t.Topic)
		}
	}
	return fmt.Errorf("there is no topic %q; there are:\n  %s", f.topic, strings.Join(names, "\n  "))
}

func seeds(client *kgo.Client) string {
	list, _ := client.OptValue(kgo.SeedBrokers).([]string)
	return strings.Join(list, ",")
}

func (f *follower) close() { f.client.Close() }

// caughtUp says whether all that stood on the topic at the start has been read.
func (f *follower) caughtUp() bool { return len(f.pending) == 0 }

// poll waits at most patience for records and hands them over in the order of
// each partition.
func (f *follower) poll(ctx context.Context, patience time.Duration, use func(*kgo.Record) error) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	fetches := f.client.PollFetches(waiting)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, failed := range fetches.Errors() {
		if !errors.Is(failed.Err, context.DeadlineExceeded) {
			return fmt.Errorf("read %s, partition %d: %w", f.topic, failed.Partition, failed.Err)
		}
	}
	var err error
	fetches.EachRecord(func(r *kgo.Record) {
		if end, ok := f.pending[r.Partition]; ok && r.Offset+1 >= end {
			delete(f.pending, r.Partition)
		}
		if err == nil && !r.Attrs.IsControl() {
			err = use(r)
		}
	})
	return err
}

// idleEnd is after how long without a record a topic counts as read to its end
// although the last offsets were not seen: compaction may have removed them.
const idleEnd = 3 * time.Second

// drain reads what stood on the topic at the start.
func (f *follower) drain(ctx context.Context, use func(*kgo.Record) error) error {
	heard := time.Now()
	for !f.caughtUp() && time.Since(heard) < idleEnd {
		err := f.poll(ctx, 250*time.Millisecond, func(r *kgo.Record) error {
			heard = time.Now()
			return use(r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
