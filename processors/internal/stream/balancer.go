package stream

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// balancer assigns partition numbers, not partitions: whoever has partition p of
// one input has it of all, since the state of partition p is theirs together. It
// moves as few numbers as it can and is cooperative: a number is given to its
// new task only once the old one has let go of all of it.
type balancer struct {
	standbys bool // tasks keep warm copies: who has one gets the number
}

// ProtocolName tells groups of this balancer from others.
func (balancer) ProtocolName() string { return "headwater-copartition" }

// IsCooperative says that tasks keep what does not move while they rebalance.
func (balancer) IsCooperative() bool { return true }

// JoinGroupMetadata is what a member tells the leader: its topics and what it has.
func (balancer) JoinGroupMetadata(topics []string, current map[string][]int32, generation int32) []byte {
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Version = 3
	meta.Topics = topics
	meta.Generation = generation
	for _, topic := range slices.Sorted(maps.Keys(current)) {
		owned := kmsg.NewConsumerMemberMetadataOwnedPartition()
		owned.Topic = topic
		owned.Partitions = current[topic]
		meta.OwnedPartitions = append(meta.OwnedPartitions, owned)
	}
	return meta.AppendTo(nil)
}

// ParseSyncAssignment reads what the leader assigned.
func (balancer) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	return kgo.ParseConsumerSyncAssignment(assignment)
}

// MemberBalancer is called in the leader.
func (b balancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	c, err := kgo.NewConsumerBalancer(b, members)
	if err != nil {
		return nil, nil, err
	}
	return c, c.MemberTopics(), nil
}

// Balance plans the assignment of all inputs. topics has each input's number of
// partitions.
func (b balancer) Balance(c *kgo.ConsumerBalancer, topics map[string]int32) kgo.IntoSyncAssignment {
	owner := chooseOwners(c, topics, b.standbys)
	plan := c.NewPlan()
	for topic, n := range topics {
		for p := range n {
			member, meta := c.MemberAt(owner[p])
			if !slices.Contains(meta.Topics, topic) {
				continue // it has not seen the topic yet; it rejoins when it has
			}
			plan.AddPartition(member, topic, p)
		}
	}
	holdBack(c, plan)
	return plan
}

// chooseOwners gives each partition number a member: the one that has it now,
// unless that one would have more than its share.
func chooseOwners(c *kgo.ConsumerBalancer, topics map[string]int32, standbys bool) []int {
	numbers := 0
	for _, n := range topics {
		numbers = max(numbers, int(n))
	}
	claims := claimsByNumber(c, numbers)
	members := len(c.Members())
	low, extra := numbers/members, numbers%members
	have := make([]int, members)
	owner := make([]int, numbers)
	for p := range owner {
		owner[p] = -1
		if m := claims[p]; m >= 0 {
			if have[m] < low || (have[m] == low && extra > 0) {
				if have[m] == low {
					extra--
				}
				have[m]++
				owner[p] = m
			}
		}
	}
	for p := range owner {
		if owner[p] >= 0 {
			continue
		}
		heir := leastOf(have)
		if keeper := keeperOf(c, int32(p)); standbys && have[keeper] < low+min(extra, 1) { //nolint:gosec // Kafka counts partitions in 32 bits
			heir = keeper
		}
		if have[heir] == low && extra > 0 {
			extra--
		}
		have[heir]++
		owner[p] = heir
	}
	return owner
}

func leastOf(have []int) int {
	least := 0
	for m := range have {
		if have[m] < have[least] {
			least = m
		}
	}
	return least
}

// keeperOf is the member that keeps the first copy of a number that nobody owns.
func keeperOf(c *kgo.ConsumerBalancer, number int32) int {
	best, most := 0, uint64(0)
	for m := range c.Members() {
		if member, _ := c.MemberAt(m); member.InstanceID != nil {
			if w := weight(*member.InstanceID, number); w > most {
				best, most = m, w
			}
		}
	}
	return best
}

// claimsByNumber finds the member that has each number, -1 where nobody has. Of
// several the one with the newest generation counts: the others missed a
// rebalance.
func claimsByNumber(c *kgo.ConsumerBalancer, numbers int) []int {
	claims := make([]int, numbers)
	newest := make([]int32, numbers)
	for p := range claims {
		claims[p], newest[p] = -1, -2
	}
	for m := range c.Members() {
		_, meta := c.MemberAt(m)
		for _, owned := range meta.OwnedPartitions {
			for _, p := range owned.Partitions {
				if int(p) < numbers && meta.Generation > newest[p] {
					claims[p], newest[p] = m, meta.Generation
				}
			}
		}
	}
	return claims
}

// holdBack takes out of the plan every partition number of which another member
// still has a part. The revocation makes that member rejoin, and the next
// rebalance gives the number away.
func holdBack(c *kgo.ConsumerBalancer, plan *kgo.BalancePlan) {
	taken := make(map[int32]map[string]bool) // number, members that have a part of it
	c.EachMember(func(member *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		for _, owned := range meta.OwnedPartitions {
			for _, p := range owned.Partitions {
				if taken[p] == nil {
					taken[p] = make(map[string]bool)
				}
				taken[p][member.MemberID] = true
			}
		}
	})
	for member, topics := range plan.AsMemberIDMap() {
		for topic, partitions := range topics {
			topics[topic] = slices.DeleteFunc(partitions, func(p int32) bool {
				others := len(taken[p])
				if taken[p][member] {
					others--
				}
				return others > 0 && !owns(c, member, topic, p)
			})
			if len(topics[topic]) == 0 {
				delete(topics, topic)
			}
		}
	}
}

func owns(c *kgo.ConsumerBalancer, member, topic string, partition int32) bool {
	found := false
	c.EachMember(func(m *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		if m.MemberID != member {
			return
		}
		for _, owned := range meta.OwnedPartitions {
			found = found || owned.Topic == topic && slices.Contains(owned.Partitions, partition)
		}
	})
	return found
}
