package main

import (
	"sync"
	"time"
)

// The bounds of a gathering.
const (
	gatherPerEvent = time.Microsecond      // for each event a second
	gatherMost     = 20 * time.Millisecond // reached at 20,000 events a second
	gatherLeast    = 500 * time.Microsecond
	gatherWindow   = 100 * time.Millisecond // over which the rate is taken
)

// gather holds requests back so that those of a few milliseconds reach the
// producer together. What a record batch costs the gateway, the brokers and the
// first processor hardly depends on how many events are in it, and a request's
// few dozen events are spread over as many partitions. The wait grows with the
// rate: it is nothing to a request that comes alone, where it would gain nothing
// either. kgo's linger cannot do that: it is a constant, and counts from each
// partition's first record, so the partitions' batches leave one by one.
type gather struct {
	mu      sync.Mutex
	begun   time.Time // of the window
	count   int       // events in the window
	rate    float64   // events a second in the window before
	release time.Time // when the gathering that is open ends
}

// wait is how long a request with so many events has to wait from now on.
func (g *gather) wait(now time.Time, events int) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if past := now.Sub(g.begun); past >= gatherWindow {
		g.rate = float64(g.count) / past.Seconds()
		g.begun, g.count = now, 0
	}
	g.count += events
	if left := g.release.Sub(now); left > 0 {
		return left
	}
	hold := min(time.Duration(g.rate*float64(gatherPerEvent)), gatherMost)
	if hold < gatherLeast {
		return 0
	}
	g.release = now.Add(hold)
	return hold
}
