package main

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// leaderWait is how long a new topic may take to have leaders everywhere before
// the apply goes on without.
const leaderWait = 15 * time.Second

// leaderLook is the pause after the first look for leaders; later ones grow.
const leaderLook = 10 * time.Millisecond

// create makes the topic and waits until the brokers show it with leaders, so
// that the next plan does not meet one that has not heard of it.
func (r *topicResource) create(ctx context.Context, plan topicModel) (topicInfo, error) {
	creation, err := r.creation(ctx, plan)
	if err != nil {
		return topicInfo{}, err
	}
	info, err := r.inst.batches.create.do(ctx, creation)
	if errors.Is(err, kerr.TopicAlreadyExists) && plan.AdoptExisting.ValueBool() {
		return r.takeOver(ctx, plan)
	}
	if errors.Is(err, kerr.TopicAlreadyExists) {
		if info, err := r.adopt(ctx, plan); err == nil && info.id != (kadm.TopicID{}) {
			return info, nil
		}
	}
	if err != nil {
		return topicInfo{}, err
	}
	return r.awaitLeaders(ctx, plan.Name.ValueString(), info), nil
}

// adopt returns the topic that is there when it is exactly what is planned: the
// work of an attempt whose answer was lost with its connection. Another topic of
// that name is not adopted, and the id returned is zero.
func (r *topicResource) adopt(ctx context.Context, plan topicModel) (topicInfo, error) {
	name := plan.Name.ValueString()
	info, exists, err := loadTopic(r.inst.connect)(ctx, name)
	if err != nil || !exists {
		return topicInfo{}, err
	}
	config, _, err := loadConfig(r.inst.connect)(ctx, name)
	if err != nil || !plan.describes(info, config) {
		return topicInfo{}, err
	}
	return info, nil
}

// describes reports whether a topic is exactly as planned.
func (m topicModel) describes(info topicInfo, config map[string]configValue) bool {
	return info.partitions == m.Partitions.ValueInt64() &&
		(m.replicas() < 0 || info.replicationFactor == int64(m.replicas())) &&
		maps.EqualFunc(topicOverrides(config), m.desired(), sameList)
}

// awaitLeaders looks at the topic until it has leaders or the wait is over. What
// the creation answered stays true when nothing better is seen.
func (r *topicResource) awaitLeaders(ctx context.Context, name string, info topicInfo) topicInfo {
	ctx, cancel := context.WithTimeout(ctx, leaderWait)
	defer cancel()
	for pause := leaderLook; ctx.Err() == nil; pause = min(2*pause, 10*leaderLook) {
		seen, err := r.inst.batches.leaders.do(ctx, name)
		if err == nil && seen.id == info.id {
			info.leaderless = seen.leaderless
			info.replicationFactor = max(info.replicationFactor, seen.replicationFactor)
			if seen.leaderless == 0 {
				return info
			}
		}
		if r.inst.unreachable(err) != nil {
			return info
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return info
}

func (r *topicResource) alter(ctx context.Context, name string, changes []kadm.AlterConfig) error {
	client, err := r.inst.connect(ctx)
	if err != nil {
		return err
	}
	answers, err := client.AlterTopicConfigs(ctx, changes, name)
	return alterError(answers, err)
}

// alterError is the first error in an answer to a change of settings.
func alterError(answers kadm.AlterConfigsResponses, err error) error {
	for _, answer := range answers {
		if answer.Err != nil {
			err := withMessage(answer.Err, answer.ErrMessage)
			if errors.Is(err, kerr.ClusterAuthorizationFailed) { // the settings of a broker
				return needs(err, "ALTER_CONFIGS", clusterType)
			}
			return needs(err, "ALTER_CONFIGS", topicType, answer.Name)
		}
	}
	return err
}

// withMessage adds what the broker says to its error code.
func withMessage(err error, message string) error {
	if err == nil || message == "" {
		return err
	}
	return &kadm.ErrAndMessage{Err: err, ErrMessage: message}
}

// topicUUID prints an id as Kafka's tools do not, but as everyone else does.
func topicUUID(id kadm.TopicID) string { return uuid.UUID(id).String() }
