package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/checkout"
	"headwater.internal/platform/schemas/processed"
)

// registered compiles the latest schema of a topic's values.
func (p *platform) registered(ctx context.Context, topic string) (*event.Schema, error) {
	client, err := sr.NewClient(sr.URLs(p.place.RegistryURL))
	if err != nil {
		return nil, err
	}
	latest, err := client.SchemaByVersion(ctx, topic+"-value", -1)
	if err != nil {
		return nil, fmt.Errorf("find the schema of %s: %w", topic, err)
	}
	return event.CompileSchema(latest.ID, latest.Schema.Schema)
}

// writer writes processed.customer-events as refine would, for what measures a
// processor behind it.
type writer struct {
	g       *generator
	schema  *event.Schema
	client  *kgo.Client
	failure atomic.Pointer[error]
}

func (p *platform) newWriter(ctx context.Context, g *generator) (*writer, error) {
	w := &writer{g: g}
	var err error
	if w.schema, err = p.registered(ctx, processed.CustomerEventTopic); err != nil {
		return nil, err
	}
	w.client, err = p.place.AdminConfig(p.secrets).Client(
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(20_000))
	return w, err
}

// flush waits for all that was written, and says what failed of it.
func (w *writer) flush(ctx context.Context) error {
	if err := w.client.Flush(ctx); err != nil {
		return err
	}
	if err := w.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// write sends one event, taken at that time. Body is what its team declared.
func (w *writer) write(ctx context.Context, d drawn, body []byte, received time.Time) error {
	e := processed.CustomerEvent{
		ID: fmt.Sprintf("%x", d.id|1<<60), Source: source, Type: w.g.kinds[d.kind].eventType, Customer: w.g.customer(d),
		Time: d.at.Truncate(time.Millisecond), ReceivedTime: received.Truncate(time.Millisecond), SchemaID: 1, Data: body,
	}
	if d.at.IsZero() {
		e.Time = e.ReceivedTime
	}
	if e.Type == checkout.OrderPlacedType {
		micros := int64(d.body)*1_000_000 + 500_000
		e.RevenueMicros = &micros
	}
	value, err := w.schema.Encode(nil, &e)
	if err != nil {
		return err
	}
	record := &kgo.Record{Topic: processed.CustomerEventTopic, Key: []byte(e.Customer), Value: value, Timestamp: received}
	w.client.Produce(ctx, record, func(_ *kgo.Record, err error) {
		if err != nil {
			w.failure.CompareAndSwap(nil, &err)
		}
	})
	return nil
}

// fill writes n events, none of them twice, as if they had come at the case
// study's rate until now.
func (w *writer) fill(ctx context.Context, n int) error {
	say("write %d processed records", n)
	begin := time.Now().Add(-time.Duration(n) * time.Second / receiptPerSec)
	for i := range n {
		received := begin.Add(time.Duration(i) * time.Second / receiptPerSec)
		d := w.g.fresh(received.Add(-50 * time.Millisecond))
		if err := w.write(ctx, d, w.g.kinds[d.kind].avro[d.body][prefixBytes:], received); err != nil {
			return err
		}
	}
	return w.flush(ctx)
}

// prefixBytes is the registry's prefix of a value.
const prefixBytes = 5

// fresh draws an event that is no duplicate.
func (g *generator) fresh(at time.Time) drawn {
	for {
		if d := g.next(at); d.id == g.nonce+g.count {
			return d
		}
	}
}

// sessions reads the latest of each session on a topic, by its id.
func (p *platform) sessions(ctx context.Context, topic string) (map[string]aggregates.Session, error) {
	schema, err := p.registered(ctx, aggregates.SessionTopic)
	if err != nil {
		return nil, err
	}
	latest := make(map[string]aggregates.Session)
	err = p.each(ctx, []string{topic}, func(r *kgo.Record) error {
		if r.Value == nil {
			delete(latest, string(r.Key))
			return nil
		}
		var s aggregates.Session
		if err := schema.Decode(r.Value, &s); err != nil {
			return fmt.Errorf("read %s: %w", topic, err)
		}
		latest[string(r.Key)] = s
		return nil
	})
	return latest, err
}
