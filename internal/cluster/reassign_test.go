package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafkatest"
)

// bulk is what the moves of the tests below copy, slowly.
const bulk = 4 << 20

// fill makes a topic with all replicas on the brokers named, and writes bulk
// bytes that do not compress to each of its partitions.
func fill(t *testing.T, client *kgo.Client, topic string, brokers ...int32) {
	t.Helper()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(t.Context(), 2, int16(len(brokers)), nil, topic); err != nil {
		t.Fatal(err)
	}
	place := func(s Snapshot) (Plan, error) {
		var plan Plan
		for _, p := range s.Partitions {
			if p.Topic == topic && !slices.Equal(p.Replicas, brokers) {
				plan.Moves = append(plan.Moves, Move{Topic: topic, Partition: p.Number, From: p.Replicas, To: brokers})
			}
		}
		return plan, nil
	}
	// Brokers hear of a new topic and of its place one by one: go on when none of
	// those asked lags behind.
	for agreed := 0; agreed < 10; {
		if err := NewReassigner(client, Options{Poll: 50 * time.Millisecond}).Run(t.Context(), place); err != nil {
			t.Fatal(err)
		}
		agreed++
		if got := replicasOf(t, client, topic); !slices.EqualFunc(got, [][]int32{brokers, brokers}, slices.Equal[[]int32]) {
			agreed = 0
		}
	}
	value := make([]byte, 64<<10)
	for i := range bulk / len(value) {
		for n := range value {
			value[n] = byte(n * (i + 7) >> 3)
		}
		for partition := range int32(2) {
			client.Produce(t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: slices.Clone(value)}, nil)
		}
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func realClient(t *testing.T) *kgo.Client {
	t.Helper()
	c := kafkatest.Start(t)
	c.NeedsReal()
	return c.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MetadataMinAge(50*time.Millisecond))
}

func replicasOf(t *testing.T, client *kgo.Client, topic string) [][]int32 {
	t.Helper()
	s, err := Read(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]int32
	for _, p := range s.Partitions {
		if p.Topic == topic {
			all = append(all, p.Replicas)
		}
	}
	return all
}

// limits lists what stands in the way of moves, topics first.
func limits(t *testing.T, client *kgo.Client) []string {
	t.Helper()
	r := NewReassigner(client, Options{})
	topics, err := r.throttledTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	brokers, err := r.throttledBrokers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range brokers {
		topics = append(topics, fmt.Sprint("broker ", b))
	}
	return topics
}

// A drain that is interrupted goes on in the controller under its limit; the next
// one takes it up, ends it, and leaves no limit behind.
func TestInterruptedDrainIsTakenUp(t *testing.T) {
	client := realClient(t)
	fill(t, client, "orders", 0)
	drain := func(s Snapshot) (Plan, error) { return s.Drain(0) }

	ctx, cancel := context.WithCancel(t.Context())
	slow := NewReassigner(client, Options{BytesPerSecond: 64 << 10, Batch: 1, Poll: 50 * time.Millisecond, Progress: func(p Progress) {
		if len(p.Moving) > 0 {
			cancel()
		}
	}})
	if err := slow.Run(ctx, drain); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the next run takes them up") {
		t.Fatalf("the interrupted drain said %v", err)
	}
	got := limits(t, client)
	for deadline := time.Now().Add(5 * time.Second); !slices.Contains(got, "orders") && time.Now().Before(deadline); {
		got = limits(t, client) // a broker may not have heard of it yet
	}
	if !slices.Contains(got, "orders") {
		t.Errorf("the move that goes on has no limit: %v", got)
	}
	again := NewReassigner(client, Options{Poll: 50 * time.Millisecond})
	if err := again.Run(t.Context(), drain); err != nil {
		t.Fatal(err)
	}
	for _, replicas := range replicasOf(t, client, "orders") {
		if len(replicas) != 1 || replicas[0] == 0 {
			t.Errorf("replicas are %v", replicas)
		}
	}
	if got := limits(t, client); len(got) > 0 {
		t.Errorf("limits were left: %v", got)
	}
}

// More and fewer replicas, a rack apart; records are where they were.
func TestReplicationFactorBothWays(t *testing.T) {
	client := realClient(t)
	fill(t, client, "orders", 2)
	before, err := kadm.NewClient(client).ListEndOffsets(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	for _, factor := range []int{3, 2} {
		r := NewReassigner(client, Options{BytesPerSecond: 32 << 20, Poll: 50 * time.Millisecond})
		if err := r.Run(t.Context(), func(s Snapshot) (Plan, error) { return s.Replicate("orders", factor) }); err != nil {
			t.Fatal(err)
		}
		for _, replicas := range replicasOf(t, client, "orders") {
			if len(replicas) != factor || replicas[0] != 2 {
				t.Errorf("replicas are %v, want %d with 2 preferred", replicas, factor)
			}
		}
	}
	after, err := kadm.NewClient(client).ListEndOffsets(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	for partition := range int32(2) {
		if a, b := before["orders"][partition].Offset, after["orders"][partition].Offset; a != b {
			t.Errorf("partition %d ended at %d and ends at %d", partition, a, b)
		}
	}
	if got := limits(t, client); len(got) > 0 {
		t.Errorf("limits were left: %v", got)
	}
}

// The snapshot has what plans and restarts are decided by.
func TestReadRealCluster(t *testing.T) {
	client := realClient(t)
	fill(t, client, "orders", 0, 1, 2)
	s, err := Read(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Brokers) != 3 || s.Brokers[1].Rack != "b" || !s.Brokers[1].Up || s.Brokers[1].Usable <= 0 || s.Brokers[1].Cordoned {
		t.Errorf("brokers: %+v", s.Brokers)
	}
	if !slices.Equal(s.Voters, []int32{0, 1, 2}) || !slices.Contains(s.Voters, s.Controller) {
		t.Errorf("voters %v, active %d", s.Voters, s.Controller)
	}
	i := slices.IndexFunc(s.Partitions, func(p Partition) bool { return p.Topic == "orders" })
	if p := s.Partitions[i]; p.Bytes < bulk || p.MinISR != 2 || len(p.ISR) != 3 {
		t.Errorf("partition: %+v", p)
	}
	if got := s.RestartRefusals(1); len(got) > 0 {
		t.Errorf("a broker of a healthy cluster may not be restarted: %q", got)
	}
}

// A broker that goes down while replicas move to it is named after a while instead
// of being waited for without end; nothing is given up, and once it is back the
// next run ends the work.
func TestDrainWaitsForNoDeadBroker(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.WithBrokers(4)) // 0 and 3 share a rack
	c.NeedsReal()
	client := c.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MetadataMinAge(50*time.Millisecond))
	fill(t, client, "clicks", 0, 1, 2)
	if err := Cordon(t.Context(), client, 0); err != nil {
		t.Fatal(err)
	}
	drain := func(s Snapshot) (Plan, error) { return s.Drain(0) }
	var killed sync.Once
	slow := NewReassigner(client, Options{BytesPerSecond: 64 << 10, Poll: 50 * time.Millisecond, Patience: 2 * time.Second, Progress: func(p Progress) {
		if len(p.Moving) > 0 {
			killed.Do(func() { c.KillBroker(3) })
		}
	}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := slow.Run(ctx, drain); err == nil || !strings.Contains(err.Error(), "broker 3 is down and 2 of the partitions that move wait for it: start it") {
		t.Fatalf("the drain said %v", err)
	}
	for _, replicas := range replicasOf(t, client, "clicks") {
		if !slices.Contains(replicas, 3) {
			t.Errorf("the move was given up: %v", replicas)
		}
	}
	c.RestartBroker(3)
	if err := NewReassigner(client, Options{Poll: 50 * time.Millisecond}).Run(t.Context(), drain); err != nil {
		t.Fatal(err)
	}
	for _, replicas := range replicasOf(t, client, "clicks") {
		if !slices.Equal(replicas, []int32{3, 1, 2}) {
			t.Errorf("replicas are %v", replicas)
		}
	}
	if got := limits(t, client); len(got) > 0 {
		t.Errorf("limits were left: %v", got)
	}
	if err := Unregister(t.Context(), client, 0); err == nil || !strings.Contains(err.Error(), "it is running") {
		t.Errorf("a running broker was unregistered: %v", err)
	}
}
