package cluster

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafkatest"
)

// A roll must not cost a record: while every node is restarted, records are
// written with acks=all, and all that were acknowledged are there afterwards.
func TestRollLosesNothing(t *testing.T) {
	c := kafkatest.Start(t)
	c.NeedsReal()
	client := c.Client(kgo.MetadataMinAge(50 * time.Millisecond))
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 6, 3, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var acknowledged, failed atomic.Int64
	written := make(chan struct{})
	go func() {
		defer close(written)
		for ctx.Err() == nil {
			client.Produce(context.WithoutCancel(ctx), &kgo.Record{Topic: "orders", Value: []byte("order")}, func(_ *kgo.Record, err error) {
				if err != nil {
					failed.Add(1)
					return
				}
				acknowledged.Add(1)
			})
			time.Sleep(time.Millisecond)
		}
	}()
	s, err := Read(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	var done []int32
	roller := Roller{
		Client: client, Restart: func(_ context.Context, id int32) error { c.RestartBroker(id); return nil },
		Done: func(id int32) error { done = append(done, id); return nil }, Say: func(text string) { t.Log(text) },
	}
	if err := roller.Roll(t.Context(), s.RollOrder()); err != nil {
		t.Error(err)
	}
	stop()
	<-written
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	there := int64(0)
	ends.Each(func(o kadm.ListedOffset) { there += o.Offset })
	if len(done) != len(s.RollOrder()) || failed.Load() > 0 || there != acknowledged.Load() || there == 0 {
		t.Errorf("restarted %v of %v; %d records acknowledged, %d failed, %d are there", done, s.RollOrder(), acknowledged.Load(), failed.Load(), there)
	}
}

// A roll never forces: with a broker down no other is restarted, and the reason
// is told.
func TestRollRefuses(t *testing.T) {
	c := kafkatest.Start(t)
	c.NeedsReal()
	client := c.Client(kgo.MetadataMinAge(50 * time.Millisecond))
	c.KillBroker(1)
	t.Cleanup(func() { c.RestartBroker(1) })
	roller := Roller{Client: client, Patience: time.Second, Restart: func(context.Context, int32) error {
		return errors.New("a node was restarted")
	}}
	err := roller.Roll(t.Context(), []int32{0})
	if err == nil || !strings.Contains(err.Error(), "broker 1 is down") {
		t.Errorf("the roll said %v", err)
	}
}
