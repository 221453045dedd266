package main

import (
	"context"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
)

// loadReaders finds the groups that are active on each topic: they have members that
// are assigned partitions of it, or subscribe to it. A group that the principal may
// not see is not shown by Kafka.
func loadReaders(dial connect) func(context.Context) (map[string][]string, error) {
	return func(ctx context.Context) (map[string][]string, error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		listed, err := client.ListGroups(ctx)
		if err != nil {
			return nil, err
		}
		var active []string
		for _, group := range listed {
			if group.State != "Empty" && group.State != "Dead" {
				active = append(active, group.Group)
			}
		}
		readers := map[string][]string{}
		if len(active) == 0 {
			return readers, nil
		}
		slices.Sort(active)
		note := func(group string, topics ...string) {
			for _, topic := range topics {
				if !slices.Contains(readers[topic], group) {
					readers[topic] = append(readers[topic], group)
				}
			}
		}
		classic, errClassic := client.DescribeGroups(ctx, active...)
		for _, group := range classic.Sorted() {
			assigned := group.AssignedPartitions()
			note(group.Group, append(assigned.Topics(), kadm.DescribedGroups{group.Group: group}.JoinTopics()...)...)
		}
		modern, errModern := client.DescribeConsumerGroups(ctx, active...)
		for _, group := range modern.Sorted() {
			assigned := group.AssignedPartitions()
			note(group.Group, assigned.Topics()...)
			for _, member := range group.Members {
				note(group.Group, member.SubscribedTopics...)
			}
		}
		if errClassic != nil && errModern != nil {
			return nil, errors.Join(errClassic, errModern)
		}
		return readers, nil
	}
}
