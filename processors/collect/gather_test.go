package main

import (
	"testing"
	"time"
)

// Defends latency: a request that comes alone is not held back, one among many
// for no longer than the limit, and those of one gathering leave together.
func TestGather(t *testing.T) {
	var g gather
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range 50 { // 20 events a second
		if held := g.wait(now, 1); held != 0 {
			t.Fatalf("a lone request is held for %s", held)
		}
		now = now.Add(50 * time.Millisecond)
	}
	for rate, most := range map[int]time.Duration{2_000: 2 * time.Millisecond, 10_000: 10 * time.Millisecond, 30_000: gatherMost, 300_000: gatherMost} {
		for range 300 { // until the rate before is forgotten, and what it held is gone
			now = now.Add(time.Millisecond)
			g.wait(now, rate/1_000)
		}
		leave := map[time.Time]bool{}
		for range 1_000 { // a request each millisecond
			now = now.Add(time.Millisecond)
			held := g.wait(now, rate/1_000)
			if held < 0 || held > most*11/10 {
				t.Fatalf("at %d events a second a request is held for %s, want at most %s", rate, held, most)
			}
			leave[now.Add(held)] = true
		}
		if limit := 1_000 / int(most/time.Millisecond) * 3 / 2; len(leave) > limit {
			t.Errorf("at %d events a second 1,000 requests leave at %d times, want at most %d", rate, len(leave), limit)
		}
	}
	if held := g.wait(now.Add(time.Minute), 1); held != 0 {
		t.Errorf("after a minute without requests one is held for %s", held)
	}
}
