package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// batches are the writes, and the looks that go with them, that resources of one
// walk share requests for.
type batches struct {
	crowd             crowd // of all that write, the ACLs too
	create, tryCreate *batch[kmsg.CreateTopicsRequestTopic, topicInfo]
	remove            *batch[string, struct{}]  // of topics, by name
	leaders           *batch[string, topicInfo] // a zero info for a topic that is not seen
}

// newBatches makes the batches of one instance. Each request is bounded by timeout.
func newBatches(dial connect, timeout time.Duration) *batches {
	b := &batches{}
	b.create = newBatch(&b.crowd, timeout, sendCreations(dial, timeout, false))
	b.tryCreate = newBatch(&b.crowd, timeout, sendCreations(dial, timeout, true))
	b.remove = newBatch(&b.crowd, timeout, sendDeletions(dial, timeout))
	b.leaders = newBatch(&b.crowd, timeout, sendLooks(dial))
	return b
}

// sendCreations creates topics, or lets the brokers only check that they could. A
// topic that is asked for twice at once is refused by Kafka, both times.
func sendCreations(dial connect, timeout time.Duration, validateOnly bool) func(context.Context, []kmsg.CreateTopicsRequestTopic) ([]outcome[topicInfo], error) {
	return func(ctx context.Context, topics []kmsg.CreateTopicsRequestTopic) ([]outcome[topicInfo], error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		req := kmsg.NewPtrCreateTopicsRequest()
		req.TimeoutMillis = int32(timeout.Milliseconds())
		req.ValidateOnly = validateOnly
		req.Topics = topics
		resp, err := req.RequestWith(ctx, client.raw)
		if err != nil {
			return nil, err
		}
		answers := make(map[string]outcome[topicInfo], len(resp.Topics))
		for _, t := range resp.Topics {
			answers[t.Topic] = outcome[topicInfo]{topicInfo{
				id: t.TopicID, partitions: int64(t.NumPartitions), replicationFactor: int64(t.ReplicationFactor),
				leaderless: int(t.NumPartitions),
			}, needs(codeError(t.ErrorCode, t.ErrorMessage), "CREATE", topicType, t.Topic)}
		}
		return inOrder(topics, func(t kmsg.CreateTopicsRequestTopic) string { return t.Topic }, answers), nil
	}
}

// sendDeletions deletes topics by name. One that is not there is an error, as
// Kafka has it.
func sendDeletions(dial connect, timeout time.Duration) func(context.Context, []string) ([]outcome[struct{}], error) {
	return func(ctx context.Context, names []string) ([]outcome[struct{}], error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		req := kmsg.NewPtrDeleteTopicsRequest()
		req.TimeoutMillis = int32(timeout.Milliseconds())
		req.TopicNames = names
		for _, name := range names {
			topic := kmsg.NewDeleteTopicsRequestTopic()
			topic.Topic = kmsg.StringPtr(name)
			req.Topics = append(req.Topics, topic)
		}
		resp, err := req.RequestWith(ctx, client.raw)
		if err != nil {
			return nil, err
		}
		answers := make(map[string]outcome[struct{}], len(resp.Topics))
		for _, t := range resp.Topics {
			if t.Topic != nil {
				answers[*t.Topic] = outcome[struct{}]{err: needs(codeError(t.ErrorCode, t.ErrorMessage), "DELETE", topicType, *t.Topic)}
			}
		}
		return inOrder(names, itself, answers), nil
	}
}

// sendLooks asks a broker whether it knows new topics and their leaders. Moves are
// not looked at.
func sendLooks(dial connect) func(context.Context, []string) ([]outcome[topicInfo], error) {
	return func(ctx context.Context, names []string) ([]outcome[topicInfo], error) {
		client, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		details, err := client.ListTopicsWithInternal(ctx, names...)
		if err != nil {
			return nil, err
		}
		answers := make(map[string]outcome[topicInfo], len(details))
		for name, detail := range details {
			if detail.Err == nil {
				answers[name] = outcome[topicInfo]{value: describeTopic(detail, nil)}
			}
		}
		outcomes := make([]outcome[topicInfo], len(names))
		for i, name := range names {
			outcomes[i] = answers[name]
		}
		return outcomes, nil
	}
}

func itself(name string) string { return name }

// inOrder puts answers by name into the order of what was asked.
func inOrder[Q, A any](asks []Q, name func(Q) string, answers map[string]outcome[A]) []outcome[A] {
	outcomes := make([]outcome[A], len(asks))
	for i, ask := range asks {
		answer, ok := answers[name(ask)]
		if !ok {
			answer.err = errNoAnswer
		}
		outcomes[i] = answer
	}
	return outcomes
}

// creation is the topic as a request creates it. The caller has seen that all of
// it is known.
func (m topicModel) creation() kmsg.CreateTopicsRequestTopic {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic = m.Name.ValueString()
	topic.NumPartitions = int32(m.Partitions.ValueInt64())
	topic.ReplicationFactor = m.replicas()
	for key, value := range m.desired() {
		topic.Configs = append(topic.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: &value})
	}
	return topic
}
