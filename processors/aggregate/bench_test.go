package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"headwater.internal/platform/processors/internal/stream/streamtest"
	"headwater.internal/platform/schemas/processed"
)

// BenchmarkApply is the whole cost of an event but Kafka's: decode, eight windows,
// three looks for uniques, encoding of outputs and changelog, commit to Pebble each 200 events.
func BenchmarkApply(b *testing.B) {
	feed := feeder(b)
	b.ReportAllocs()
	for b.Loop() {
		feed()
	}
}

// feeder returns a function that applies one event, and commits each 200.
func feeder(tb testing.TB) func() {
	lookups := streamtest.NewLookups(tb)
	d := streamtest.Driver(tb, spec, newRule(streamtest.Settings(tb)), lookups, 3)
	random := rand.New(rand.NewPCG(1, 2))
	customers := rand.NewZipf(random, 1.01, 1, 100_000)
	clock, data := streamtest.Day, make([]byte, 300)
	i := 0
	return func() {
		i++
		clock = clock.Add(2 * time.Millisecond)
		e := processed.CustomerEvent{
			ID: fmt.Sprint(i), Source: "bench", Type: "browsing.page_viewed", Customer: fmt.Sprint("customer-", customers.Uint64()),
			Time: clock, Data: data,
		}
		streamtest.Feed(tb, d, lookups.CustomerEvent(tb, &e, clock))
		if i%200 == 0 {
			streamtest.Advance(tb, d, clock)
			streamtest.Commit(tb, d)
		}
	}
}
