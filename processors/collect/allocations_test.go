//go:build !race

// The race detector allocates and empties pools at random.

package main

import "testing"

// Defends the cost of an event: a change that makes the gateway allocate more per
// event has to say so here. The texts of id and subject are what is left.
func TestAllocationsPerEvent(t *testing.T) {
	if allocs := testing.AllocsPerRun(200, feeder(t)) / requestEvents; allocs > 2.5 {
		t.Errorf("an event allocates %.2f times, more than 2.5", allocs)
	}
}
