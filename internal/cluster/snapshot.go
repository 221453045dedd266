// Package cluster manages a running Kafka cluster: who is in it, whether a
// broker may be stopped, which replicas move where, and the moving itself. The
// provider and the command line share it; it knows nothing of either.
//
// A [Snapshot] is data. Plans are pure functions of it, so that what a plan says
// before an apply and what is moved in it are the same.
package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Snapshot is the cluster as the controller showed it at one moment.
type Snapshot struct {
	ID         string
	Controller int32 // node id of the active controller; a broker's only where roles are combined; -1 when nobody says
	Brokers    []Broker
	Voters     []int32 // node ids of the controllers' quorum, caught up or not; nil when the cluster does not say
	Lagging    []int32 // of Voters, those that are behind
	Cordons    bool    // brokers heed a cordon themselves (Kafka 4.3); else only our plans do
	Partitions []Partition
}

// Broker is one registered broker.
type Broker struct {
	ID       int32
	Host     string
	Port     int32
	Rack     string
	Up       bool     // registered and not fenced
	Cordoned bool     // takes no new replicas, see [Cordon]
	Dirs     []string // its log directories; nil when it does not say
	Bytes    int64    // of all replicas
	Usable   int64    // bytes its volumes still take; -1 when it does not say
}

// Partition is one partition with the replicas it is to have.
type Partition struct {
	Topic    string
	Number   int32
	Replicas []int32 // as they will be once what is under way is done, the preferred leader first
	Adding   []int32 // being filled
	Removing []int32 // to go
	ISR      []int32
	Leader   int32 // -1 when there is none
	Bytes    int64 // of its largest replica
	MinISR   int   // min.insync.replicas
}

type topicPartition struct {
	topic  string
	number int32
}

// Moving says whether a reassignment is under way.
func (p Partition) Moving() bool { return len(p.Adding)+len(p.Removing) > 0 }

// String names the partition as Kafka's tools do.
func (p Partition) String() string { return p.Topic + "-" + strconv.Itoa(int(p.Number)) }

// Broker finds a broker by its node id.
func (s Snapshot) Broker(id int32) (Broker, bool) {
	i := slices.IndexFunc(s.Brokers, func(b Broker) bool { return b.ID == id })
	if i < 0 {
		return Broker{}, false
	}
	return s.Brokers[i], true
}

// Votes reports whether the node is a controller.
func (s Snapshot) Votes(id int32) bool { return slices.Contains(s.Voters, id) }

// Held are the partitions that have, or are to have, a replica on the broker.
func (s Snapshot) Held(id int32) []Partition {
	var held []Partition
	for _, p := range s.Partitions {
		if slices.Contains(p.Replicas, id) || slices.Contains(p.Removing, id) {
			held = append(held, p)
		}
	}
	return held
}

// MinISR is the topic's min.insync.replicas, whoever set it; 0 when there is no such topic.
func (s Snapshot) MinISR(topic string) int {
	i := slices.IndexFunc(s.Partitions, func(p Partition) bool { return p.Topic == topic })
	if i < 0 {
		return 0
	}
	return s.Partitions[i].MinISR
}

// Read asks the cluster. It takes a number of requests that does not grow with
// the number of topics: metadata, reassignments, quorum, and one to each broker
// for sizes (before 4.3 another for its cordon), one for the topics' settings. A broker that is down has no sizes;
// the largest replica elsewhere counts.
func Read(ctx context.Context, client *kgo.Client) (Snapshot, error) {
	admin := kadm.NewClient(client)
	s, err := readMembers(ctx, client)
	if err != nil {
		return s, fmt.Errorf("read the cluster: %w", err)
	}
	if err := s.readPartitions(ctx, client); err != nil {
		return s, fmt.Errorf("read the cluster's partitions: %w", err)
	}
	if err := s.readSizes(ctx, admin); err != nil {
		return s, fmt.Errorf("read the sizes of replicas: %w", err)
	}
	quorum, err := s.readFeatures(ctx, admin)
	if err != nil {
		return s, fmt.Errorf("read what the brokers can do: %w", err)
	}
	if err := s.readCordons(ctx, admin); err != nil {
		return s, fmt.Errorf("read the cordons of brokers: %w", err)
	}
	if quorum {
		if err := s.readQuorum(ctx, client); err != nil {
			return s, fmt.Errorf("read the controllers' quorum: %w", err)
		}
	}
	return s, nil
}

func readMembers(ctx context.Context, client *kgo.Client) (Snapshot, error) {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.EndpointType, req.IncludeFencedBrokers = 1, true
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{ID: resp.ClusterID, Controller: -1}
	for _, b := range resp.Brokers {
		one := Broker{ID: b.NodeID, Host: b.Host, Port: b.Port, Up: !b.IsFenced, Usable: -1}
		if b.Rack != nil {
			one.Rack = *b.Rack
		}
		s.Brokers = append(s.Brokers, one)
	}
	slices.SortFunc(s.Brokers, func(a, b Broker) int { return cmp.Compare(a.ID, b.ID) })
	return s, nil
}

func (s *Snapshot) readPartitions(ctx context.Context, client *kgo.Client) error {
	admin := kadm.NewClient(client)
	meta, err := admin.Metadata(ctx)
	if err != nil {
		return err
	}
	moving, err := listMoving(ctx, client)
	if err != nil {
		return err
	}
	minISR, err := readMinISR(ctx, admin, meta.Topics.Names())
	if err != nil {
		return err
	}
	for _, topic := range meta.Topics.Sorted() {
		if topic.Err != nil {
			return fmt.Errorf("topic %q: %w", topic.Topic, topic.Err)
		}
		for _, p := range topic.Partitions.Sorted() {
			one := Partition{
				Topic: p.Topic, Number: p.Partition, Leader: p.Leader,
				Replicas: p.Replicas, ISR: p.ISR, MinISR: minISR[p.Topic],
			}
			if m, ok := moving[topicPartition{p.Topic, p.Partition}]; ok {
				one.Replicas, one.Adding, one.Removing = m.Replicas, m.Adding, m.Removing
			}
			s.Partitions = append(s.Partitions, one)
		}
	}
	return nil
}

// listMoving asks the controller for every reassignment that is under way. An empty
// list of topics asks for none; null asks for all, which kadm cannot say.
func listMoving(ctx context.Context, client *kgo.Client) (map[topicPartition]Partition, error) {
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	req.Topics = nil
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return nil, fmt.Errorf("ask what moves: %w", err)
	}
	moving := make(map[topicPartition]Partition)
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			moving[topicPartition{topic.Topic, p.Partition}] = Partition{
				Topic: topic.Topic, Number: p.Partition, Replicas: without(p.Replicas, p.RemovingReplicas...),
				Adding: p.AddingReplicas, Removing: p.RemovingReplicas,
			}
		}
	}
	return moving, nil
}

func readMinISR(ctx context.Context, admin *kadm.Client, topics []string) (map[string]int, error) {
	found := make(map[string]int, len(topics))
	if len(topics) == 0 {
		return found, nil
	}
	configs, err := admin.DescribeTopicConfigs(ctx, topics...)
	if err != nil {
		return nil, err
	}
	for _, topic := range configs {
		for _, c := range topic.Configs {
			if c.Key == "min.insync.replicas" && c.Value != nil {
				if found[topic.Name], err = strconv.Atoi(*c.Value); err != nil {
					return nil, fmt.Errorf("read min.insync.replicas of %q: %w", topic.Name, err)
				}
			}
		}
	}
	return found, nil
}

func (s *Snapshot) readSizes(ctx context.Context, admin *kadm.Client) error {
	all, err := admin.DescribeAllLogDirs(ctx, nil)
	var shards *kadm.ShardErrors
	if err != nil && (!errors.As(err, &shards) || shards.AllFailed) {
		return err
	}
	sizes := make(map[string]map[int32]int64)
	for i := range s.Brokers {
		b := &s.Brokers[i]
		dirs, ok := all[b.ID]
		if !ok || len(dirs) == 0 {
			continue
		}
		b.Cordoned, b.Usable = true, 0
		for _, dir := range dirs {
			b.Dirs = append(b.Dirs, dir.Dir)
			b.Cordoned = b.Cordoned && dir.IsCordoned
			b.Usable += max(dir.UsableBytes, 0)
			for topic, partitions := range dir.Topics {
				if sizes[topic] == nil {
					sizes[topic] = make(map[int32]int64)
				}
				for number, p := range partitions {
					b.Bytes += p.Size
					sizes[topic][number] = max(sizes[topic][number], p.Size)
				}
			}
		}
	}
	for i := range s.Brokers {
		slices.Sort(s.Brokers[i].Dirs)
	}
	for i, p := range s.Partitions {
		s.Partitions[i].Bytes = sizes[p.Topic][p.Number]
	}
	return nil
}

// readQuorum asks who the controllers are.
func (s *Snapshot) readQuorum(ctx context.Context, client *kgo.Client) error {
	req := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return err
			}
			s.Controller = p.LeaderID
			for _, v := range p.CurrentVoters {
				s.Voters = append(s.Voters, v.ReplicaID)
				if v.ReplicaID != p.LeaderID && behind(p, v) {
					s.Lagging = append(s.Lagging, v.ReplicaID)
				}
			}
		}
	}
	slices.Sort(s.Voters)
	return nil
}

// maxQuorumLag is how far a voter may be behind, in milliseconds since it last
// had everything, to count as one that can take over.
const maxQuorumLag = 5_000

func behind(p kmsg.DescribeQuorumResponseTopicPartition, v kmsg.DescribeQuorumResponseTopicPartitionReplicaState) bool {
	return v.LogEndOffset < p.HighWatermark && v.LastFetchTimestamp-v.LastCaughtUpTimestamp > maxQuorumLag
}

// without is list less the members of gone, in its order.
func without(list []int32, gone ...int32) []int32 {
	return slices.DeleteFunc(slices.Clone(list), func(id int32) bool { return slices.Contains(gone, id) })
}
