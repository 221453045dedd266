package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

func loadRecords(dial connect, topics *kind[topicInfo]) func(context.Context) (map[string]int64, error) {
	return func(ctx context.Context) (map[string]int64, error) {
		known, err := topics.peek(ctx)
		if err != nil || len(known) == 0 {
			return nil, err
		}
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		all := make(map[string]int64, len(known))
		var untold []string
		err = countRecords(ctx, client, slices.Collect(maps.Keys(known)), func(topic string, records int64, err error) {
			all[topic] += records
			if err != nil {
				untold = append(untold, topic)
			}
		})
		for _, topic := range untold {
			delete(all, topic) // whoever needs it asks by name and learns the error
		}
		return all, err
	}
}

// loadTopicRecords counts the records of one topic, in one request with others
// that are asked for at the same time.
func loadTopicRecords(dial connect, timeout time.Duration) func(context.Context, string) (int64, bool, error) {
	together := newBatch(&crowd{}, timeout, func(ctx context.Context, names []string) ([]outcome[int64], error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		counted := make(map[string]outcome[int64], len(names))
		err = countRecords(ctx, client, names, func(topic string, records int64, err error) {
			sum := counted[topic]
			counted[topic] = outcome[int64]{sum.value + records, errors.Join(sum.err, err)}
		})
		outcomes := make([]outcome[int64], len(names))
		for i, name := range names {
			outcomes[i] = counted[name]
		}
		return outcomes, err
	})
	return func(ctx context.Context, name string) (int64, bool, error) {
		records, err := together.do(ctx, name)
		return records, true, needs(err, "DESCRIBE", topicType, name)
	}
}

// countRecords calls fn with the distance from first to last offset of each
// partition: an upper bound of its records, since compaction leaves gaps.
func countRecords(ctx context.Context, client *clusterClient, topics []string, fn func(topic string, records int64, err error)) error {
	starts, err := client.ListStartOffsets(ctx, topics...)
	if err != nil {
		return err
	}
	ends, err := client.ListEndOffsets(ctx, topics...)
	if err != nil {
		return err
	}
	ends.Each(func(end kadm.ListedOffset) {
		start, ok := starts.Lookup(end.Topic, end.Partition)
		if !ok {
			start.Err = errors.New("the first offset is missing in the answer")
		}
		fn(end.Topic, end.Offset-start.Offset, needs(errors.Join(start.Err, end.Err), "DESCRIBE", topicType, end.Topic))
	})
	return nil
}
