package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Settings that hold a reassignment back (KIP-73, KIP-542). Rates are of a
// broker, in bytes per second; the lists, of a topic, say which replicas count.
const (
	leaderRate       = "leader.replication.throttled.rate"
	followerRate     = "follower.replication.throttled.rate"
	leaderReplicas   = "leader.replication.throttled.replicas"
	followerReplicas = "follower.replication.throttled.replicas"
)

// throttle holds the moves back: the copies leave from brokers that have the
// partition and arrive at those that get it. Only these replicas count, so that
// followers that merely keep up are not slowed. A list that stands is added to.
func (r *Reassigner) throttle(ctx context.Context, moves []Move, snapshot Snapshot) error {
	if r.options.BytesPerSecond <= 0 {
		return nil
	}
	if err := r.limit(ctx, involved(moves, snapshot)); err != nil {
		return err
	}
	lists := throttledReplicas(moves)
	standing, err := r.admin.DescribeTopicConfigs(ctx, slices.Sorted(maps.Keys(lists))...)
	if err != nil {
		return fmt.Errorf("read the limits of moves: %w", err)
	}
	for _, topic := range standing {
		var changes []kadm.AlterConfig
		for name, replicas := range lists[topic.Name] {
			list := strings.Join(union(valueOf(topic, name), replicas), ",")
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &list})
		}
		if err := r.alterTopic(ctx, topic.Name, changes); err != nil {
			return fmt.Errorf("limit the moves of %q: %w", topic.Name, err)
		}
	}
	return nil
}

// valueOf is the list that a resource has for a setting.
func valueOf(resource kadm.ResourceConfig, name string) []string {
	for _, c := range resource.Configs {
		if c.Key == name && c.Value != nil && *c.Value != "" {
			return strings.Split(*c.Value, ",")
		}
	}
	return nil
}

func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

func (r *Reassigner) limit(ctx context.Context, brokers []int32) error {
	if len(brokers) == 0 {
		return nil
	}
	rate := strconv.FormatInt(r.options.BytesPerSecond, 10)
	rates := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: leaderRate, Value: &rate}, {Op: kadm.SetConfig, Name: followerRate, Value: &rate}}
	if err := r.alterBrokers(ctx, rates, brokers...); err != nil {
		return fmt.Errorf("limit the rate of moves: %w", err)
	}
	return nil
}

// adopt puts moves that an earlier run left under this one's limit.
func (r *Reassigner) adopt(ctx context.Context) error {
	if r.options.BytesPerSecond <= 0 {
		return r.unthrottle(ctx)
	}
	brokers, err := r.throttledBrokers(ctx)
	if err != nil {
		return err
	}
	return r.limit(ctx, brokers)
}

// involved are the brokers that send or receive, as far as they are up: one that
// is down would time the change out (KAFKA-13392).
func involved(moves []Move, snapshot Snapshot) []int32 {
	var ids []int32
	for _, m := range moves {
		ids = append(append(ids, m.From...), m.To...)
	}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id int32) bool {
		b, ok := snapshot.Broker(id)
		return !ok || !b.Up
	})
}

// throttledReplicas lists partition:broker by topic and setting.
func throttledReplicas(moves []Move) map[string]map[string][]string {
	lists := make(map[string]map[string][]string)
	for _, m := range moves {
		if lists[m.Topic] == nil {
			lists[m.Topic] = make(map[string][]string)
		}
		add := func(name string, ids []int32) {
			for _, id := range ids {
				lists[m.Topic][name] = append(lists[m.Topic][name], fmt.Sprintf("%d:%d", m.Partition, id))
			}
		}
		add(leaderReplicas, m.From)
		add(followerReplicas, m.Added())
	}
	return lists
}

// unthrottle takes away every limit that a reassignment left, a killed one too.
func (r *Reassigner) unthrottle(ctx context.Context) error {
	topics, err := r.throttledTopics(ctx)
	if err != nil {
		return err
	}
	gone := []kadm.AlterConfig{{Op: kadm.DeleteConfig, Name: leaderReplicas}, {Op: kadm.DeleteConfig, Name: followerReplicas}}
	var errs []error
	for _, topic := range topics {
		errs = append(errs, r.alterTopic(ctx, topic, gone))
	}
	brokers, err := r.throttledBrokers(ctx)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	rates := []kadm.AlterConfig{{Op: kadm.DeleteConfig, Name: leaderRate}, {Op: kadm.DeleteConfig, Name: followerRate}}
	if len(brokers) > 0 {
		errs = append(errs, r.alterBrokers(ctx, rates, brokers...))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("take the limits of moves away: %w", err)
	}
	return nil
}

func (r *Reassigner) throttledTopics(ctx context.Context) ([]string, error) {
	names, err := r.admin.ListTopics(ctx)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	configs, err := r.admin.DescribeTopicConfigs(ctx, names.Names()...)
	if err != nil {
		return nil, err
	}
	return having(configs, leaderReplicas, followerReplicas), nil
}

func (r *Reassigner) throttledBrokers(ctx context.Context) ([]int32, error) {
	brokers, err := r.admin.ListBrokers(ctx)
	if err != nil {
		return nil, err
	}
	configs, err := r.admin.DescribeBrokerConfigs(ctx, brokers.NodeIDs()...)
	if err != nil {
		return nil, err
	}
	var ids []int32
	for _, name := range having(configs, leaderRate, followerRate) {
		id, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			return nil, err
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}

// having are the resources that have one of the settings themselves.
func having(configs kadm.ResourceConfigs, names ...string) []string {
	var found []string
	for _, resource := range configs {
		for _, c := range resource.Configs {
			own := c.Source.String() == "DYNAMIC_TOPIC_CONFIG" || c.Source.String() == "DYNAMIC_BROKER_CONFIG"
			if own && slices.Contains(names, c.Key) && c.Value != nil && *c.Value != "" {
				found = append(found, resource.Name)
				break
			}
		}
	}
	return found
}

func (r *Reassigner) alterTopic(ctx context.Context, topic string, changes []kadm.AlterConfig) error {
	responses, err := r.admin.AlterTopicConfigs(ctx, changes, topic)
	return firstAlterError(responses, err)
}

func (r *Reassigner) alterBrokers(ctx context.Context, changes []kadm.AlterConfig, ids ...int32) error {
	responses, err := r.admin.AlterBrokerConfigs(ctx, changes, ids...)
	return firstAlterError(responses, err)
}

func firstAlterError(responses kadm.AlterConfigsResponses, err error) error {
	for _, one := range responses {
		if one.Err != nil && err == nil {
			err = fmt.Errorf("%s: %w %s", one.Name, one.Err, one.ErrMessage)
		}
	}
	return err
}
