//go:build !race

// The race detector allocates and empties pools at random.

package main

import "testing"

// Defends the cost of an event: a change that makes refine allocate more per
// event has to say so here.
func TestAllocationsPerEvent(t *testing.T) {
	if allocs := testing.AllocsPerRun(5_000, feeder(t)); allocs > 50 {
		t.Errorf("an event allocates %.0f times, more than 50", allocs)
	}
}
