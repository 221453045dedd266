package main

import "testing"

// Defends up's summary: refusals that are meant are called so, others are not.
func TestSampleRefusals(t *testing.T) {
	var p played
	p.accepted.Store(649)
	p.refused.Store(badSamples)
	if got := p.String(); got != "649 accepted, 6 refused, as they should be: the sample holds six bad events" {
		t.Error(got)
	}
	p.refused.Store(7)
	if got := p.String(); got != "649 accepted, 7 refused, although the sample holds 6 bad events: see the collector's log" {
		t.Error(got)
	}
}
