package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicInfo is what metadata tells of a topic.
type topicInfo struct {
	id                kadm.TopicID
	partitions        int64
	replicationFactor int64
	leaderless        int     // partitions without a leader
	moving            bool    // a reassignment is under way
	brokers           []int32 // that hold replicas, unless they move
}

func loadTopics(dial connect) func(context.Context) (map[string]topicInfo, error) {
	return func(ctx context.Context) (map[string]topicInfo, error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		details, err := client.ListTopicsWithInternal(ctx)
		if err != nil {
			return nil, err
		}
		moving, err := listMoves(ctx, client, nil)
		if err != nil {
			return nil, err
		}
		all := make(map[string]topicInfo, len(details))
		for name, detail := range details {
			if detail.Err == nil {
				all[name] = describeTopic(detail, moving[name])
			}
		}
		return all, nil
	}
}

func loadTopic(dial connect) func(context.Context, string) (topicInfo, bool, error) {
	return func(ctx context.Context, name string) (topicInfo, bool, error) {
		client, err := dial(ctx)
		if err != nil {
			return topicInfo{}, false, err
		}
		details, err := client.ListTopicsWithInternal(ctx, name)
		if err != nil {
			return topicInfo{}, false, needs(err, "DESCRIBE", topicType, name)
		}
		detail := details[name]
		switch {
		case errors.Is(detail.Err, kerr.UnknownTopicOrPartition):
			return topicInfo{}, false, nil
		case detail.Err != nil:
			return topicInfo{}, false, needs(detail.Err, "DESCRIBE", topicType, name)
		}
		set := kmsg.NewListPartitionReassignmentsRequestTopic()
		set.Topic = name
		for p := range detail.Partitions {
			set.Partitions = append(set.Partitions, p)
		}
		moving, err := listMoves(ctx, client, []kmsg.ListPartitionReassignmentsRequestTopic{set})
		if err != nil {
			return topicInfo{}, false, err
		}
		return describeTopic(detail, moving[name]), true, nil
	}
}

// listMoves returns how many of a moving partition's replicas do not count, by
// topic and partition: those that are being filled, or else those that go. So a
// change of the replication factor is seen as made once it is, and a topic whose
// replicas only change places has as many as ever. A principal that may not ask is
// told that nothing moves. Of nil topics it asks for all, which kadm cannot say.
func listMoves(ctx context.Context, client *clusterClient, topics []kmsg.ListPartitionReassignmentsRequestTopic) (map[string]map[int32]int, error) {
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	req.Topics = topics
	resp, err := req.RequestWith(ctx, client.raw)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if errors.Is(err, kerr.ClusterAuthorizationFailed) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	moves := map[string]map[int32]int{}
	for _, topic := range resp.Topics {
		moves[topic.Topic] = map[int32]int{}
		for _, p := range topic.Partitions {
			moves[topic.Topic][p.Partition] = cmp.Or(len(p.AddingReplicas), len(p.RemovingReplicas))
		}
	}
	return moves, nil
}

func describeTopic(detail kadm.TopicDetail, uncounted map[int32]int) topicInfo {
	info := topicInfo{id: detail.ID, partitions: int64(len(detail.Partitions)), moving: len(uncounted) > 0}
	holds := map[int32]bool{}
	for id, p := range detail.Partitions {
		for _, b := range p.Replicas {
			holds[b] = true
		}
		replicas := int64(len(p.Replicas) - uncounted[id])
		if info.replicationFactor == 0 || replicas < info.replicationFactor {
			info.replicationFactor = replicas
		}
		if p.Leader < 0 {
			info.leaderless++
		}
	}
	info.brokers = slices.Sorted(maps.Keys(holds))
	return info
}
