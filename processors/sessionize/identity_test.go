package main

import (
	"cmp"
	"slices"
	"strconv"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/processors/internal/stream/streamtest"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
)

// arrival is an event or a link.
type arrival struct {
	visit

	anonymous bool
	to        string // who the customer turned out to be; empty for an event
}

func drawArrivals(t *rapid.T) []arrival {
	keys := []string{"a", "b", "c", "d"}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) arrival {
		v := arrival{visit: visit{
			customer: rapid.SampledFrom(keys).Draw(t, "key"),
			at:       600*rapid.Int64Range(-8, 8).Draw(t, "third") + rapid.Int64Range(-1, 1).Draw(t, "off"),
		}}
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			v.to = rapid.SampledFrom(keys).Draw(t, "to")
		case 1, 2:
		default:
			v.anonymous = true
		}
		return v
	}), 1, 30).Draw(t, "arrivals")
}

// owner is the definition of whose an event is: the sender's word, else along
// the earliest links, the smallest of a circle.
func owner(arrivals []arrival, e arrival) string {
	if !e.anonymous {
		return e.customer
	}
	best := make(map[string]arrival)
	for _, l := range arrivals {
		if old, ok := best[l.customer]; l.to != "" && l.to != l.customer &&
			(!ok || cmp.Or(cmp.Compare(l.at, old.at), cmp.Compare(l.to, old.to)) < 0) {
			best[l.customer] = l
		}
	}
	var way []string
	for at := e.customer; ; at = best[at].to {
		if i := slices.Index(way, at); i >= 0 {
			return slices.Min(way[i:])
		}
		if way = append(way, at); best[at].to == "" {
			return at
		}
	}
}

func definition(arrivals []arrival) []span {
	var visits []visit
	for _, e := range arrivals {
		if e.to == "" {
			visits = append(visits, visit{owner(arrivals, e), e.at})
		}
	}
	return naive(visits, 1800)
}

func (a arrival) input(tb testing.TB, l *streamtest.Lookups, i int, received time.Time) stream.Input {
	tb.Helper()
	at := time.Unix(a.at, 0).UTC()
	if a.to != "" {
		return l.IdentityLink(tb, &processed.IdentityLink{AnonymousID: a.customer, Customer: a.to, LinkedTime: at}, received)
	}
	e := &processed.CustomerEvent{ID: strconv.Itoa(i), Source: "test", Type: pageViewed, Customer: a.customer, Time: at}
	if a.anonymous {
		e.AnonymousID = &a.customer
	}
	return l.CustomerEvent(tb, e, received)
}

// Defends identity: whatever the order of events, links and what travels between
// three partitions, with repeats, aborts, restarts and sessions that were final,
// with chains, circles and ids that several claim, the sessions in the end are
// those of the definition, once each, and final.
func TestIdentityInAnyOrder(t *testing.T) {
	lookups := streamtest.NewLookups(t)
	rapid.Check(t, func(rt *rapid.T) {
		arrivals := drawArrivals(rt)
		c := streamtest.NewCluster(t, spec, func() stream.Rule { return newRule(streamtest.Settings(t)) }, lookups, 3)
		out, clock := newTopic(), streamtest.Day
		for i, a := range arrivals {
			disturb(rt, c, out, &clock)
			if v := c.Feed(a.input(t, lookups, i, clock)); !v.OK() {
				rt.Fatalf("arrival %d: %s", i, v)
			}
		}
		for {
			for p := range c.Partitions() {
				out.take(rt, c.Commit(p))
			}
			if len(c.Lanes()) == 0 {
				break
			}
			deliver(rt, c)
		}
		c.Advance(clock.Add(3 * time.Hour))
		for p := range c.Partitions() {
			out.take(rt, c.Commit(p))
		}
		if diff := gocmp.Diff(definition(arrivals), out.spans()); diff != "" {
			rt.Fatalf("sessions differ (-definition +rule):\n%s", diff)
		}
		for id, s := range out.latest {
			if s.State != aggregates.SessionStateFinal {
				rt.Fatalf("session %s is %s in the end", id, s.State)
			}
		}
		// Nothing is left behind once all is forgotten, but the links.
		c.Advance(clock.Add(20 * 24 * time.Hour))
		for p := range c.Partitions() {
			out.take(rt, c.Commit(p))
		}
	})
}

// disturb does some of what happens between two arrivals.
func disturb(rt *rapid.T, c *streamtest.Cluster, out *topic, clock *time.Time) {
	p := rapid.IntRange(0, c.Partitions()-1).Draw(rt, "partition")
	switch rapid.IntRange(0, 11).Draw(rt, "between") {
	case 0, 1, 2:
		out.take(rt, c.Commit(p))
	case 3:
		*clock = clock.Add(time.Duration(rapid.IntRange(1, 3600).Draw(rt, "pause")) * time.Second)
		c.Advance(*clock)
	case 4:
		c.Abort(p)
	case 5:
		c.Restart(p)
	case 6, 7, 8:
		deliver(rt, c)
	}
}

func deliver(rt *rapid.T, c *streamtest.Cluster) {
	ways := c.Lanes()
	if len(ways) == 0 {
		return
	}
	twice := rapid.IntRange(0, 3).Draw(rt, "twice") == 0
	v := c.Deliver(rapid.SampledFrom(ways).Draw(rt, "way"), twice)
	if want := map[bool]stream.Verdict{false: stream.Applied, true: stream.Duplicate}[twice]; v != want {
		rt.Fatalf("delivered, twice %t: %s", twice, v)
	}
}
