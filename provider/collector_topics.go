package main

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicInfo is what metadata tells of a topic.
type topicInfo struct {
	id                kadm.TopicID
	partitions        int64
	replicationFactor int64
	leaderless        int // partitions without a leader
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
		moving, err := listMoves(ctx, client)
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
			return topicInfo{}, false, err
		}
		detail := details[name]
		switch {
		case errors.Is(detail.Err, kerr.UnknownTopicOrPartition):
			return topicInfo{}, false, nil
		case detail.Err != nil:
			return topicInfo{}, false, detail.Err
		}
		return describeTopic(detail, nil), true, nil
	}
}

// listMoves returns how many replicas each moving partition is losing, by topic
// and partition. A principal that may not ask is told that nothing moves.
func listMoves(ctx context.Context, client *clusterClient) (map[string]map[int32]int, error) {
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	req.Topics = nil // all of them, which kadm's method cannot ask
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
			moves[topic.Topic][p.Partition] = len(p.RemovingReplicas)
		}
	}
	return moves, nil
}

// describeTopic counts replicas without those that a reassignment takes away, so
// that a plan stays empty while replicas move.
func describeTopic(detail kadm.TopicDetail, leaving map[int32]int) topicInfo {
	info := topicInfo{id: detail.ID, partitions: int64(len(detail.Partitions))}
	for id, p := range detail.Partitions {
		replicas := int64(len(p.Replicas) - leaving[id])
		if info.replicationFactor == 0 || replicas < info.replicationFactor {
			info.replicationFactor = replicas
		}
		if p.Leader < 0 {
			info.leaderless++
		}
	}
	return info
}
