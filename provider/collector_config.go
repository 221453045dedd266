package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// configsPerRequest bounds one DescribeConfigs answer: about 4 MB.
const configsPerRequest = 500

// configValue is one configuration key in force.
type configValue struct {
	value  string
	source kmsg.ConfigSource
}

// brokerInfo is a registered broker.
type brokerInfo struct {
	host, rack string
	port       int32
	fenced     bool
}

func loadConfigs(dial connect, topics *kind[topicInfo]) func(context.Context) (map[string]map[string]configValue, error) {
	return func(ctx context.Context) (map[string]map[string]configValue, error) {
		known, err := topics.peek(ctx)
		if err != nil {
			return nil, err
		}
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		all := make(map[string]map[string]configValue, len(known))
		var batch []string
		flush := func() error {
			answers, err := client.DescribeTopicConfigs(ctx, batch...)
			batch = batch[:0]
			if err != nil {
				return err
			}
			for _, answer := range answers {
				if answer.Err == nil {
					all[answer.Name] = configValues(answer.Configs)
				}
			}
			return nil
		}
		for name := range known {
			if batch = append(batch, name); len(batch) == configsPerRequest {
				if err := flush(); err != nil {
					return nil, err
				}
			}
		}
		return all, flush()
	}
}

func loadConfig(dial connect) func(context.Context, string) (map[string]configValue, bool, error) {
	return func(ctx context.Context, name string) (map[string]configValue, bool, error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, false, err
		}
		answers, err := client.DescribeTopicConfigs(ctx, name)
		if err != nil {
			return nil, false, err
		}
		for _, answer := range answers {
			switch {
			case errors.Is(answer.Err, kerr.UnknownTopicOrPartition):
				return nil, false, nil
			case answer.Err != nil:
				return nil, false, answer.Err
			}
			return configValues(answer.Configs), true, nil
		}
		return nil, false, nil
	}
}

func configValues(configs []kadm.Config) map[string]configValue {
	values := make(map[string]configValue, len(configs))
	for _, c := range configs {
		values[c.Key] = configValue{value: c.MaybeValue(), source: c.Source}
	}
	return values
}

func loadBrokers(dial connect) func(context.Context) (map[string]brokerInfo, error) {
	return func(ctx context.Context) (map[string]brokerInfo, error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		_, brokers, err := describeCluster(ctx, client)
		return brokers, err
	}
}

// describeCluster asks past every cache, fenced brokers included.
func describeCluster(ctx context.Context, client *clusterClient) (*kmsg.DescribeClusterResponse, map[string]brokerInfo, error) {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.EndpointType = 1 // brokers, not controllers
	req.IncludeFencedBrokers = true
	resp, err := req.RequestWith(ctx, client.raw)
	if err != nil {
		return nil, nil, err
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, nil, fmt.Errorf("describe the cluster: %w", err)
	}
	brokers := make(map[string]brokerInfo, len(resp.Brokers))
	for _, b := range resp.Brokers {
		info := brokerInfo{host: b.Host, port: b.Port, fenced: b.IsFenced}
		if b.Rack != nil {
			info.rack = *b.Rack
		}
		brokers[strconv.Itoa(int(b.NodeID))] = info
	}
	return resp, brokers, nil
}

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

func loadTopicRecords(dial connect) func(context.Context, string) (int64, bool, error) {
	return func(ctx context.Context, name string) (int64, bool, error) {
		client, err := dial(ctx)
		if err != nil {
			return 0, false, err
		}
		var total int64
		var failed error
		err = countRecords(ctx, client, []string{name}, func(_ string, records int64, err error) {
			total += records
			failed = errors.Join(failed, err)
		})
		return total, true, errors.Join(err, failed)
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
		fn(end.Topic, end.Offset-start.Offset, errors.Join(start.Err, end.Err))
	})
	return nil
}
