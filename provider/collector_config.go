package main

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// configsPerRequest bounds one DescribeConfigs answer: to about 2 MB.
const configsPerRequest = 500

// configValue is one configuration key in force.
type configValue struct {
	value  string
	source kmsg.ConfigSource
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
		for names := range slices.Chunk(slices.Collect(maps.Keys(known)), configsPerRequest) {
			if err := describeConfigs(ctx, client, names, all); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
}

// describeConfigs adds the settings of topics to all. It asks without synonyms, which
// kadm always asks for: they are more than half of the answer. A topic whose settings
// may not be seen is left out: whoever needs it asks by name and learns which right is missing.
func describeConfigs(ctx context.Context, client *clusterClient, names []string, all map[string]map[string]configValue) error {
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range names {
		topic := kmsg.NewDescribeConfigsRequestResource()
		topic.ResourceType, topic.ResourceName = kmsg.ConfigResourceTypeTopic, name
		req.Resources = append(req.Resources, topic)
	}
	resp, err := req.RequestWith(ctx, client.raw)
	if err != nil {
		return err
	}
	for _, topic := range resp.Resources {
		if topic.ErrorCode != 0 {
			continue
		}
		values := make(map[string]configValue, len(topic.Configs))
		for _, c := range topic.Configs {
			value := configValue{source: c.Source}
			if c.Value != nil {
				value.value = *c.Value
			}
			values[c.Name] = value
		}
		all[topic.ResourceName] = values
	}
	return nil
}

func loadConfig(dial connect) func(context.Context, string) (map[string]configValue, bool, error) {
	return func(ctx context.Context, name string) (map[string]configValue, bool, error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, false, err
		}
		answers, err := client.DescribeTopicConfigs(ctx, name)
		if err != nil {
			return nil, false, needs(err, "DESCRIBE_CONFIGS", topicType, name)
		}
		answer, err := answers.On(name, func(a *kadm.ResourceConfig) error { return a.Err })
		switch {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			return nil, false, nil
		case err != nil:
			return nil, false, needs(err, "DESCRIBE_CONFIGS", topicType, name)
		}
		return configValues(answer.Configs), true, nil
	}
}

func configValues(configs []kadm.Config) map[string]configValue {
	values := make(map[string]configValue, len(configs))
	for _, c := range configs {
		values[c.Key] = configValue{value: c.MaybeValue(), source: c.Source}
	}
	return values
}
