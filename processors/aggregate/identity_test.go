package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/processors/internal/stream/streamtest"
	"headwater.internal/platform/schemas/processed"
)

// arrival is an event or a link.
type arrival struct {
	fact

	anonymous bool
	to        string // who the customer turned out to be; empty for an event
}

func drawArrival(t *rapid.T) arrival {
	keys := []string{"a", "b", "c", "d"}
	a := arrival{fact: drawFact(t)}
	a.customer = rapid.SampledFrom(keys).Draw(t, "key")
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		a.to = rapid.SampledFrom(keys).Draw(t, "to")
	case 1, 2:
	default:
		a.anonymous = true
	}
	if rapid.Bool().Draw(t, "at once") { // so that minutes are shared
		a.at = time.Unix(60, 0).UTC()
	}
	return a
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
			(!ok || cmp.Or(l.at.Compare(old.at), cmp.Compare(l.to, old.to)) < 0) {
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

// definition counts each partition's customers by themselves.
func definition(arrivals []arrival, partition func(string) int) map[string]total {
	facts := make(map[int][]fact)
	for _, e := range arrivals {
		if e.to == "" {
			e.customer = owner(arrivals, e)
			p := partition(e.customer)
			facts[p] = append(facts[p], e.fact)
		}
	}
	all := make(map[string]total)
	for p, list := range facts {
		for key, count := range naive(list) {
			all[strings.TrimSuffix(key, "/3")+fmt.Sprint("/", p)] = count
		}
	}
	return all
}

func (a arrival) input(tb testing.TB, l *streamtest.Lookups, i int, received time.Time) stream.Input {
	tb.Helper()
	if a.to != "" {
		return l.IdentityLink(tb, &processed.IdentityLink{AnonymousID: a.customer, Customer: a.to, LinkedTime: a.at}, received)
	}
	e := &processed.CustomerEvent{ID: strconv.Itoa(i), Source: "test", Type: a.kind, Customer: a.customer, Time: a.at, RevenueMicros: &a.revenue}
	if a.anonymous {
		e.AnonymousID = &a.customer
	}
	return l.CustomerEvent(tb, e, received)
}

// Defends identity: whatever the order of events, links and what travels between
// three partitions, with repeats, aborts and restarts, with chains, circles and
// ids that several claim, each partition's counts and different customers in the
// end are those of the definition.
func TestIdentityInAnyOrder(t *testing.T) {
	lookups := streamtest.NewLookups(t)
	rapid.Check(t, func(rt *rapid.T) {
		arrivals := rapid.SliceOfN(rapid.Custom(drawArrival), 1, 30).Draw(rt, "arrivals")
		c := streamtest.NewCluster(t, spec, func() stream.Rule { return newRule(streamtest.Settings(t)) }, lookups, 3)
		have, clock := make(map[string]total), streamtest.Day
		revisions := make(map[string]int64)
		take := func(p int) {
			for _, o := range c.Commit(p) {
				count := decodeOutput(rt, o)
				if count.Revision <= revisions[o.Key] {
					rt.Fatalf("%s went from revision %d to %d", o.Key, revisions[o.Key], count.Revision)
				}
				revisions[o.Key] = count.Revision
				have[o.Key] = total{count.Events, count.UniqueCustomers, count.RevenueMicros}
			}
		}
		for i, a := range arrivals {
			p := rapid.IntRange(0, c.Partitions()-1).Draw(rt, "partition")
			switch rapid.IntRange(0, 11).Draw(rt, "between") {
			case 0, 1, 2:
				take(p)
			case 3:
				clock = clock.Add(time.Duration(rapid.IntRange(1, 2400).Draw(rt, "pause")) * time.Second)
				c.Advance(clock)
			case 4:
				c.Abort(p)
			case 5:
				c.Restart(p)
			case 6, 7, 8:
				deliver(rt, c)
			}
			if v := c.Feed(a.input(t, lookups, i, clock)); !v.OK() {
				rt.Fatalf("arrival %d: %s", i, v)
			}
		}
		for {
			for p := range c.Partitions() {
				take(p)
			}
			if len(c.Lanes()) == 0 {
				break
			}
			deliver(rt, c)
		}
		maps.DeleteFunc(have, func(_ string, count total) bool { return count == total{} })
		if diff := gocmp.Diff(definition(arrivals, c.Partition), have); diff != "" {
			rt.Fatalf("counts differ (-definition +rule):\n%s", diff)
		}
	})
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
