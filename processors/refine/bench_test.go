package main

import (
	"fmt"
	"testing"
	"time"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/processors/internal/stream/streamtest"
)

// BenchmarkApply is the whole cost of an event but Kafka's: envelope, probe,
// fingerprint, output and changelog, commit each 200 events.
func BenchmarkApply(b *testing.B) {
	feed := feeder(b)
	b.ReportAllocs()
	for b.Loop() {
		feed()
	}
}

// feeder returns a function that refines one new event, and commits each 200.
func feeder(tb testing.TB) func() {
	f := newFixture(tb)
	value := f.value(11, map[string]any{"order_id": "o-1", "total": 12.5, "note": string(make([]byte, 300))})
	clock, i := streamtest.Day, 0
	return func() {
		i++
		clock = clock.Add(2 * time.Millisecond)
		e := event.Envelope{
			ID: fmt.Sprint("order-", i), Source: "shop", Type: "checkout.order_placed", Subject: fmt.Sprint("customer-", i%5_000),
			Time: clock, ReceivedTime: clock,
		}
		streamtest.Feed(tb, f.d, stream.Input{Topic: orderTopic, Key: []byte(e.Subject), Value: value, Headers: e.Headers(), Received: clock})
		if i%200 == 0 {
			streamtest.Commit(tb, f.d)
		}
	}
}
