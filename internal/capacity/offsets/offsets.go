// Package offsets reads of the brokers what the scaling law must know of a
// processor's inputs. It asks no task, so that it knows what waits when none runs.
package offsets

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"headwater.internal/platform/internal/capacity"
)

// Read returns the offsets of all partitions of the topics that the group has
// ever committed; none for a group that has not. A partition that the broker has
// no answer for, such as one of a topic that was deleted, is left out.
func Read(ctx context.Context, admin *kadm.Client, group string) (map[capacity.Partition]capacity.Offsets, error) {
	committed, err := admin.FetchOffsets(ctx, group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("read the offsets of group %s: %w", group, err)
	}
	topics := committed.Partitions().Topics()
	if len(topics) == 0 {
		return nil, nil
	}
	starts, err := admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("read the starts of %q: %w", topics, err)
	}
	stable, err := admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("read the ends of %q: %w", topics, err)
	}
	found := map[capacity.Partition]capacity.Offsets{}
	stable.Each(func(end kadm.ListedOffset) {
		if end.Err != nil {
			return
		}
		one := capacity.Offsets{Stable: end.Offset, Committed: -1}
		if start, ok := starts.Lookup(end.Topic, end.Partition); ok && start.Err == nil {
			one.Start = start.Offset
		}
		if at, ok := committed.Lookup(end.Topic, end.Partition); ok {
			one.Committed = at.At
		}
		found[capacity.Partition{Topic: end.Topic, Number: end.Partition}] = one
	})
	return found, nil
}
