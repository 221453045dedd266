package main

import (
	"context"
	"errors"

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
			if denied(err) { // of any one topic: whoever needs one asks by name and learns which
				return nil
			}
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
