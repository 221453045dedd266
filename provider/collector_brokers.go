package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// brokerInfo is a registered broker.
type brokerInfo struct {
	host, rack string
	port       int32
	fenced     bool
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

func loadBroker(dial connect) func(context.Context, string) (brokerInfo, bool, error) {
	return func(ctx context.Context, id string) (brokerInfo, bool, error) {
		all, err := loadBrokers(dial)(ctx)
		info, ok := all[id]
		return info, ok, err
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

// loadBrokerConfigs asks each broker that is up for its own settings, all at once.
func loadBrokerConfigs(dial connect, brokers *kind[brokerInfo]) func(context.Context) (map[string]map[string]configValue, error) {
	return func(ctx context.Context) (map[string]map[string]configValue, error) {
		known, err := brokers.peek(ctx)
		if err != nil {
			return nil, err
		}
		var up []int32
		for id, info := range known {
			if node, err := strconv.ParseInt(id, 10, 32); err == nil && !info.fenced {
				up = append(up, int32(node))
			}
		}
		return describeBrokerConfigs(ctx, dial, up)
	}
}

func loadBrokerConfig(dial connect) func(context.Context, string) (map[string]configValue, bool, error) {
	return func(ctx context.Context, id string) (map[string]configValue, bool, error) {
		node, err := strconv.ParseInt(id, 10, 32)
		if err != nil {
			return nil, false, fmt.Errorf("parse node id %q: %w", id, err)
		}
		all, err := describeBrokerConfigs(ctx, dial, []int32{int32(node)})
		config, ok := all[id]
		return config, ok, err
	}
}

func describeBrokerConfigs(ctx context.Context, dial connect, nodes []int32) (map[string]map[string]configValue, error) {
	client, err := dial(ctx)
	if err != nil || len(nodes) == 0 {
		return nil, err
	}
	answers, err := client.DescribeBrokerConfigs(ctx, nodes...)
	if err != nil {
		return nil, err
	}
	all := make(map[string]map[string]configValue, len(answers))
	for _, answer := range answers {
		if answer.Err != nil {
			return nil, needs(withMessage(answer.Err, answer.ErrMessage), "DESCRIBE_CONFIGS", clusterType)
		}
		all[answer.Name] = configValues(answer.Configs)
	}
	return all, nil
}
