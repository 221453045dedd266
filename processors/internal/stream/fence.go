package stream

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fence makes the group check that this task still has the partitions whose
// timers fired. Consumed offsets do so by themselves; a timer's work comes with
// none, and a task that slept through the loss of a partition would write it a
// second time. So the offset that stands is committed once more. It says false
// when the partitions are gone.
func (t *task) fence(ctx context.Context) (bool, error) {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	committed := t.client.CommittedOffsets()
	ids := t.ids.Load()
	topics := t.group.topics()
	for number := range t.open.timed {
		if t.open.consumed[number] {
			continue
		}
		if !has(committed, number) {
			t.log.Warn("partition is no longer ours, abort its timers", "partition", number)
			return false, nil
		}
		for _, topic := range topics[number] {
			if at, ok := committed[topic][number]; ok && at.Offset >= 0 {
				req.Topics = append(req.Topics, offsetOf(topic, (*ids)[topic], number, at))
				break // one input stands for the number
			}
		}
	}
	if len(req.Topics) == 0 {
		return true, nil
	}
	id, epoch, err := t.client.ProducerID(ctx)
	if err != nil {
		return false, fmt.Errorf("fence timers: %w", err)
	}
	member, generation := t.client.GroupMetadata()
	instance := instanceID(t.spec.Name, t.number)
	req.TransactionalID, req.Group, req.InstanceID = instance, t.spec.Name, &instance
	req.ProducerID, req.ProducerEpoch = id, epoch
	req.MemberID, req.Generation = member, generation
	resp, err := req.RequestWith(ctx, t.client)
	if err != nil {
		return false, fmt.Errorf("fence timers: %w", err)
	}
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				t.log.Warn("partition is no longer ours, abort its timers", "partition", p.Partition, "err", err)
				return false, nil
			}
		}
	}
	return true, nil
}

// has says whether the client has offsets of the number, and so the number.
func has(committed map[string]map[int32]kgo.EpochOffset, number int32) bool {
	for _, numbers := range committed {
		if _, ok := numbers[number]; ok {
			return true
		}
	}
	return false
}

func offsetOf(topic string, id kadm.TopicID, number int32, at kgo.EpochOffset) kmsg.TxnOffsetCommitRequestTopic {
	p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset, p.LeaderEpoch = number, at.Offset, at.Epoch
	t := kmsg.NewTxnOffsetCommitRequestTopic()
	t.Topic, t.TopicID = topic, id
	t.Partitions = append(t.Partitions, p)
	return t
}
