package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/cluster"
)

// placementTypes are the attributes of placement.
var placementTypes = map[string]attr.Type{"racks": types.SetType{ElemType: types.StringType}, "brokers": types.SetType{ElemType: types.Int64Type}}

func placementSchema() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Where replicas may stand; everywhere when left out. It needs `replication_factor`. A change, and a replica that is found elsewhere, moves what stands wrong " +
			"and nothing else. Taking it out of the file moves nothing.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"racks": schema.SetAttribute{
				MarkdownDescription: "Racks (`broker.rack`) that may hold replicas.",
				ElementType:         types.StringType, Optional: true,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.AtLeastOneOf(path.MatchRelative().AtParent().AtName("brokers"))},
			},
			"brokers": schema.SetAttribute{
				MarkdownDescription: "Node ids of brokers that may hold replicas.",
				ElementType:         types.Int64Type, Optional: true,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1)},
			},
		},
	}
}

// allow is the placement as a plan of moves takes it. The caller has seen that it
// is known.
func (m topicModel) allow() cluster.Allow {
	var allow cluster.Allow
	if racks, ok := m.Placement.Attributes()["racks"].(types.Set); ok {
		for _, element := range racks.Elements() {
			if rack, ok := element.(types.String); ok {
				allow.Racks = append(allow.Racks, rack.ValueString())
			}
		}
	}
	if brokers, ok := m.Placement.Attributes()["brokers"].(types.Set); ok {
		for _, element := range brokers.Elements() {
			if id, ok := element.(types.Int64); ok {
				allow.Brokers = append(allow.Brokers, int32(id.ValueInt64()))
			}
		}
	}
	return allow
}

// placementKnown reports whether all of the placement is known.
func (m topicModel) placementKnown() bool {
	if m.Placement.IsUnknown() {
		return false
	}
	for _, part := range m.Placement.Attributes() {
		if part.IsUnknown() {
			return false
		}
		set, ok := part.(types.Set)
		if ok && slices.ContainsFunc(set.Elements(), attr.Value.IsUnknown) {
			return false
		}
	}
	return true
}

// takePlacement forgets a placement that does not hold, so that the plan makes it
// good. What moves now is on its way.
func (r *topicResource) takePlacement(ctx context.Context, m *topicModel, info topicInfo) error {
	if m.Placement.IsNull() || info.moving {
		return nil
	}
	allow := m.allow()
	brokers, err := r.inst.collector.brokers.peek(ctx)
	if err != nil {
		return err
	}
	for _, id := range info.brokers {
		rack := brokers[strconv.Itoa(int(id))].rack
		if len(allow.Brokers) > 0 && !slices.Contains(allow.Brokers, id) || len(allow.Racks) > 0 && !slices.Contains(allow.Racks, rack) {
			m.Placement = types.ObjectNull(placementTypes)
			return nil
		}
	}
	return nil
}

// replicasOf is the goal of a topic with a number of replicas on allowed brokers.
func replicasOf(topic string, factor int, allow cluster.Allow) goal {
	return goal{empties: -1, plan: func(s cluster.Snapshot) (cluster.Plan, error) { return s.Place(topic, factor, allow) }}
}

// assign finds the replicas of new partitions where Kafka is not to choose them:
// the topic has a placement, or brokers are cordoned and Kafka does not know. Nil
// leaves the choice to Kafka.
func (r *topicResource) assign(ctx context.Context, plan topicModel, partitions, factor int) ([][]int32, error) {
	if factor < 0 || partitions <= 0 {
		return nil, nil
	}
	if plan.Placement.IsNull() {
		closed, err := r.inst.closed(ctx)
		if err != nil || len(closed) == 0 {
			return nil, err
		}
	}
	snapshot, err := r.inst.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return snapshot.Assign(plan.Name.ValueString(), partitions, factor, plan.allow())
}

// ownCordons keeps what closed has found.
type ownCordons struct {
	mu    sync.Mutex
	known bool
	ids   []int32
}

// closed are the brokers that Headwater alone keeps replicas off, asked for once a walk.
// A principal that may not look at brokers is told of none.
func (i *instance) closed(ctx context.Context) ([]int32, error) {
	i.cordons.mu.Lock()
	defer i.cordons.mu.Unlock()
	if i.cordons.known {
		return i.cordons.ids, nil
	}
	client, err := i.connect(ctx)
	if err != nil {
		return nil, err
	}
	ids, err := cluster.OwnCordons(ctx, client.raw)
	if err != nil && !denied(err) {
		return nil, err
	}
	i.cordons.ids, i.cordons.known = ids, true
	return ids, nil
}

// creation is what the brokers are asked for, with the replicas where they are ours
// to choose.
func (r *topicResource) creation(ctx context.Context, plan topicModel) (kmsg.CreateTopicsRequestTopic, error) {
	topic := plan.creation()
	replicas, err := r.assign(ctx, plan, int(topic.NumPartitions), int(topic.ReplicationFactor))
	if err != nil || replicas == nil {
		return topic, err
	}
	topic.NumPartitions, topic.ReplicationFactor = -1, -1
	for i, ids := range replicas {
		one := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		one.Partition, one.Replicas = int32(i), ids
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, one)
	}
	return topic, nil
}

// grow adds partitions, with as many replicas as the others have, or lets the
// brokers only check that they could.
func (r *topicResource) grow(ctx context.Context, plan topicModel, from, factor int64, validateOnly bool) error {
	client, err := r.inst.connect(ctx)
	if err != nil {
		return err
	}
	to := plan.Partitions.ValueInt64()
	replicas, err := r.assign(ctx, plan, int(to-from), int(factor))
	if err != nil {
		return err
	}
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = plan.Name.ValueString(), int32(to)
	for _, ids := range replicas {
		one := kmsg.NewCreatePartitionsRequestTopicAssignment()
		one.Replicas = ids
		topic.Assignment = append(topic.Assignment, one)
	}
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis, req.ValidateOnly = int32(r.inst.requestTimeout.Milliseconds()), validateOnly
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, client.raw)
	if err != nil {
		return needs(err, "ALTER", topicType, topic.Topic)
	}
	if len(resp.Topics) != 1 {
		return fmt.Errorf("grow topic %q: %w", topic.Topic, errNoAnswer)
	}
	err = codeError(resp.Topics[0].ErrorCode, resp.Topics[0].ErrorMessage)
	if validateOnly && errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil // it vanished since the refresh; the apply will say so
	}
	return needs(err, "ALTER", topicType, topic.Topic)
}
