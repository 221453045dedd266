package main

import (
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/processors/internal/stream/streamtest"
)

// identity is what makes two events the same to dedupe.
type identity struct{ source, id string }

// received is what the naive model remembers of an event.
type received struct {
	hour  int64
	total float64
}

// judge is dedupe as docs and design put it: the same event within 24 hourly
// buckets of receipt is a duplicate, another under its id is refused, a body that
// does not decode leaves nothing behind.
func judge(seen map[identity]received, who identity, total float64, broken bool, at time.Time) string {
	hour := at.Unix() / 3600
	before, known := seen[who]
	switch {
	case broken:
		return string(stream.BadPayload)
	case known && hour-before.hour <= 24 && before.total == total:
		return "duplicate"
	case known && hour-before.hour <= 24:
		return string(stream.IDCollision)
	}
	seen[who] = received{hour, total}
	return "applied"
}

// Defends dedupe against a naive model that never forgets: over any ids, sources,
// contents and broken bodies, receipts of days that come up to an hour out of
// order, expiry, batching, aborts and restarts, each event has the model's verdict.
func TestDedupeFollowsTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		committed, seen := map[identity]received{}, map[identity]received{}
		clock := streamtest.Day
		rt.Repeat(map[string]func(*rapid.T){
			"event": func(rt *rapid.T) {
				who := identity{rapid.SampledFrom([]string{"shop", "shop", "till"}).Draw(rt, "source"), rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "id")}
				total := float64(rapid.IntRange(1, 2).Draw(rt, "total"))
				broken := rapid.IntRange(0, 9).Draw(rt, "broken") == 0
				clock = clock.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 1, 23, 24, 25}).Draw(rt, "hours")) * time.Hour)
				at := clock.Add(-time.Duration(rapid.IntRange(0, 59).Draw(rt, "behind")) * time.Minute)
				e := order(who.id)
				e.Source = who.source
				value := f.value(11, map[string]any{"order_id": "o", "total": total, "note": ""})
				if broken {
					value = value[:len(value)-1]
				}
				v := f.feed(e, orderTopic, value, at)
				have := v.String()
				if v.Class() != "" {
					have = string(v.Class())
				}
				if want := judge(seen, who, total, broken, at); have != want {
					rt.Fatalf("%v of %v received %v: %s, the model says %s", who, total, at, have, want)
				}
			},
			"idle": func(*rapid.T) { streamtest.Advance(t, f.d, clock) },
			"commit": func(*rapid.T) {
				streamtest.Commit(t, f.d)
				committed = maps.Clone(seen)
			},
			"abort": func(rt *rapid.T) {
				if err := f.d.Abort(); err != nil {
					rt.Fatal(err)
				}
				seen = maps.Clone(committed)
			},
			"restart": func(rt *rapid.T) {
				if err := f.d.Restart(); err != nil {
					rt.Fatal(err)
				}
				seen = maps.Clone(committed)
			},
		})
	})
}
