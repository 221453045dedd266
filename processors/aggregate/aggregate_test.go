package main

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/processors/internal/stream/streamtest"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
)

// Defends the rule as its scripts tell it: windows, finality, lateness.
func TestScripts(t *testing.T) {
	streamtest.Script{Spec: spec, Rule: newRule(streamtest.Settings(t)), Print: printCount}.Run(t)
}

func printCount(tb testing.TB, o stream.Output) string {
	c := decodeOutput(tb, o)
	if c.Partition != 3 {
		tb.Errorf("%s says partition %d", o.Key, c.Partition)
	}
	return fmt.Sprintf("%s events=%d customers=%d revenue=%d revision=%d %s", o.Key, c.Events, c.UniqueCustomers, c.RevenueMicros, c.Revision, c.State)
}

func decodeOutput(tb interface{ Fatal(...any) }, o stream.Output) aggregates.EventCount {
	var c aggregates.EventCount
	if err := o.Decode(&c); err != nil {
		tb.Fatal(err)
	}
	return c
}

// fact is one event as the model counts it.
type fact struct {
	customer, kind string
	at             time.Time
	revenue        int64
}

// total is a count without what depends on the order of arrival.
type total struct{ Events, Customers, Revenue int64 }

// naive counts by definition, each window by itself.
func naive(facts []fact) map[string]total {
	counts := make(map[string]total)
	seen := make(map[string]bool)
	for _, f := range facts {
		for _, kind := range []string{f.kind, "*"} {
			for _, key := range []string{
				kind + "/minute/" + f.at.Format("2006-01-02T15:04:00Z") + "/3",
				kind + "/hour/" + f.at.Format("2006-01-02T15:00:00Z") + "/3",
				kind + "/day/" + f.at.Format("2006-01-02T00:00:00Z") + "/3",
				kind + "/all_time/1970-01-01T00:00:00Z/3",
			} {
				c := counts[key]
				c.Events++
				c.Revenue += f.revenue
				if !seen[key+f.customer] {
					seen[key+f.customer] = true
					c.Customers++
				}
				counts[key] = c
			}
		}
	}
	return counts
}

// Defends the promise that counts: whatever the order, the batching, the pauses
// and restarts, the counts are those of the definition, before 1970 too.
func TestAnyArrivalGivesTheSameCounts(t *testing.T) {
	lookups := streamtest.NewLookups(t)
	rapid.Check(t, func(rt *rapid.T) {
		facts := rapid.SliceOfN(rapid.Custom(drawFact), 1, 40).Draw(rt, "facts")
		d := streamtest.Driver(t, spec, newRule(streamtest.Settings(t)), lookups, 3)
		have := make(map[string]total)
		states := make(map[string]aggregates.CountState)
		take := func() {
			for _, o := range streamtest.Commit(t, d) {
				c := decodeOutput(rt, o)
				have[o.Key] = total{c.Events, c.UniqueCustomers, c.RevenueMicros}
				states[o.Key] = c.State
			}
		}
		clock := streamtest.Day
		for i, f := range facts {
			switch rapid.IntRange(0, 8).Draw(rt, "between") {
			case 0, 1:
				take()
			case 2:
				clock = clock.Add(time.Duration(rapid.IntRange(1, 7200).Draw(rt, "pause")) * time.Second)
				streamtest.Advance(t, d, clock)
			case 3:
				take()
				if err := d.Restart(); err != nil {
					rt.Fatal(err)
				}
			}
			in := lookups.CustomerEvent(t, &processed.CustomerEvent{
				ID: strconv.Itoa(i), Source: "test", Type: f.kind, Customer: f.customer, Time: f.at, RevenueMicros: &f.revenue,
			}, clock)
			if v := streamtest.Feed(t, d, in); !v.OK() {
				rt.Fatalf("event %d: %s", i, v)
			}
		}
		take()
		streamtest.Advance(t, d, clock.Add(time.Minute))
		take()
		if diff := cmp.Diff(naive(facts), have); diff != "" {
			rt.Fatalf("counts differ (-definition +rule):\n%s", diff)
		}
		for key, state := range states {
			_, _, isAllTime := cutAllTime(key)
			if isAllTime == (state == aggregates.CountStateFinal) {
				rt.Fatalf("%s is %s in the end", key, state)
			}
		}
	})
}

func cutAllTime(key string) (before, after string, found bool) {
	for i := range key {
		if len(key)-i >= 10 && key[i:i+10] == "/all_time/" {
			return key[:i], key[i+10:], true
		}
	}
	return key, "", false
}

func drawFact(rt *rapid.T) fact {
	return fact{
		customer: rapid.SampledFrom([]string{"a", "b", "ab"}).Draw(rt, "customer"),
		kind:     rapid.SampledFrom([]string{"x.y", "x.z"}).Draw(rt, "type"),
		at:       time.Unix(rapid.Int64Range(-2*1440, 2*1440).Draw(rt, "half minute")*30-rapid.Int64Range(0, 1).Draw(rt, "off"), 0).UTC(),
		revenue:  rapid.Int64Range(-5, 5).Draw(rt, "revenue"),
	}
}

// Defends that letting go of a day is done in parts and leaves nothing behind:
// 3,000 customers of one day are dropped, and the day is remembered as dropped.
func TestDroppedDayLeavesNothing(t *testing.T) {
	lookups := streamtest.NewLookups(t)
	d := streamtest.Driver(t, spec, newRule(streamtest.Settings(t)), lookups, 3)
	event := func(i int) stream.Input {
		return lookups.CustomerEvent(t, &processed.CustomerEvent{
			ID: strconv.Itoa(i), Source: "test", Type: "x.y", Customer: "c" + strconv.Itoa(i), Time: time.Unix(0, 0).UTC(),
		}, d.Clock())
	}
	streamtest.Advance(t, d, streamtest.Day)
	for i := range 3000 {
		streamtest.Feed(t, d, event(i))
	}
	streamtest.Commit(t, d)
	for i := range 5 {
		streamtest.Advance(t, d, streamtest.Day.Add(25*time.Hour+time.Duration(i)*time.Second))
		streamtest.Commit(t, d)
	}
	if v := streamtest.Feed(t, d, event(1)); v != stream.Late {
		t.Errorf("an event of a dropped day is %s, want late", v)
	}
	if n := d.Keys([]byte{spaceSeen}) + d.Keys([]byte{spaceDay}); n != 1 {
		t.Errorf("%d keys are left, want the day's own", n)
	}
}
