package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// batch is the events of one request, from its body to the brokers. It is used
// again for a later request, with all the memory it came to need.
type batch struct {
	gateway    *gateway
	body       bytes.Buffer // as it came, decompressed
	events     []incoming
	lastSource string // of the event before

	// What the records are made of. Values, keys and headers lie in text.
	text     []byte
	headers  []kgo.RecordHeader
	records  []kgo.Record // no topic: the event is not produced
	promises []func(*kgo.Record, error)

	// The wait may end before the last acknowledgement, hence the lock.
	mu       sync.Mutex
	verdicts []verdict
	cause    error // of one event that the brokers did not take
	open     int   // events not acknowledged yet
	done     chan struct{}
}

// maxKept bounds what a request leaves behind for the next: above it a body is
// rare, and its memory goes back.
const maxKept = 1 << 20

// newBatch returns an empty batch, to be closed.
func (g *gateway) newBatch() *batch {
	if b, ok := g.batches.Get().(*batch); ok {
		return b
	}
	return &batch{gateway: g, done: make(chan struct{}, 1)}
}

// close makes the batch available to another request, unless the producer still
// has records of it. The verdicts are the caller's and stay.
func (b *batch) close() {
	b.mu.Lock()
	open := b.open
	b.mu.Unlock()
	if open > 0 || b.body.Cap() > maxKept || cap(b.text) > maxKept {
		return
	}
	select {
	case <-b.done: // the last acknowledgement came when nobody waited any more
	default:
	}
	b.body.Reset()
	b.lastSource = ""
	clear(b.events)
	clear(b.records)
	clear(b.headers)
	b.events, b.records, b.headers, b.text = b.events[:0], b.records[:0], b.headers[:0], b.text[:0]
	b.verdicts, b.cause = nil, nil
	b.gateway.batches.Put(b)
}

// size makes room for n events.
func (b *batch) size(n int) {
	b.events = slices.Grow(b.events[:0], n)[:n]
}

// encode checks an event's data and keeps its Avro. The violations are of the
// data alone.
func (b *batch) encode(in *incoming) []event.Violation {
	start := len(b.text)
	text, violations := in.declared.schema.EncodeJSON(b.text, in.data)
	if len(violations) > 0 {
		return violations
	}
	b.text = text
	in.value = text[start:len(text):len(text)]
	return nil
}

// record makes the record of the event i.
func (b *batch) record(i int, received time.Time) {
	in := &b.events[i]
	start := len(b.text)
	b.text = append(b.text, in.envelope.Customer()...)
	key := b.text[start:len(b.text):len(b.text)]
	first := len(b.headers)
	b.headers, b.text = in.envelope.AppendHeaders(b.headers, b.text)
	b.records[i] = kgo.Record{
		Topic:     in.declared.Topic,
		Key:       key,
		Value:     in.value,
		Headers:   b.headers[first:len(b.headers):len(b.headers)],
		Timestamp: received,
	}
	b.open++
}

// produce sends the records and waits until all are acknowledged or the time is
// up. Events still open then are retries; should the record arrive all the same,
// the id of the second one gives it away.
func (b *batch) produce(limit time.Duration) ([]verdict, error) {
	if b.open == 0 {
		return b.verdicts, nil
	}
	for i := len(b.promises); i < len(b.records); i++ {
		b.promises = append(b.promises, func(_ *kgo.Record, err error) { b.acknowledged(i, err) })
	}
	for i := range b.records {
		if b.records[i].Topic != "" {
			// A sender that hangs up must not leave a hole in what others send,
			// so the request's context does not reach the producer.
			b.gateway.producer.TryProduce(context.Background(), &b.records[i], b.promises[i])
		}
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-b.done:
		return b.verdicts, b.cause
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause == nil {
		b.cause = context.DeadlineExceeded
	}
	return slices.Clone(b.verdicts), b.cause
}

// acknowledged notes what the brokers said of one event.
func (b *batch) acknowledged(i int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := &b.verdicts[i]
	switch {
	case err == nil:
		v.Verdict = accepted
	case errors.Is(err, kerr.MessageTooLarge):
		v.Verdict = refused
		v.Violations = []event.Violation{{Rule: ruleSize, Message: "expected a record that its topic can take, got a larger one"}}
	default:
		b.cause = err
		b.gateway.metrics.produceFailed(err)
	}
	if b.open--; b.open == 0 {
		b.done <- struct{}{}
	}
}
