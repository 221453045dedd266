package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
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

// Defends the rule as its scripts tell it: gap, merge, lateness, the clock.
func TestScripts(t *testing.T) {
	streamtest.Script{Spec: spec, Rule: newRule(streamtest.Settings(t)), Print: printSession}.Run(t)
}

func printSession(tb testing.TB, o stream.Output) string {
	if o.Value == nil {
		return "tombstone " + o.Key[:8]
	}
	var s aggregates.Session
	if err := o.Decode(&s); err != nil {
		tb.Fatal(err)
	}
	if s.SessionID != o.Key || o.Partition != 3 {
		tb.Errorf("session %s has key %s and partition %d", s.SessionID, o.Key, o.Partition)
	}
	return fmt.Sprintf("%s %s %s-%s events=%d pages=%d revenue=%d %v revision=%d %s", s.SessionID[:8], s.Customer,
		s.Start.Format("15:04:05"), s.End.Format("15:04:05"), s.Events, s.PageViews, s.RevenueMicros, s.Types, s.Revision, s.State)
}

// visit is an event reduced to what sessions are made of.
type visit struct {
	customer string
	at       int64 // Unix seconds
}

// span is a session reduced to what must not depend on the order of arrival.
type span struct {
	Customer           string
	Start, End, Events int64
}

// naive is the definition: sort, and cut where the silence is longer than the gap.
func naive(visits []visit, gap int64) []span {
	sorted := slices.Clone(visits)
	slices.SortFunc(sorted, func(a, b visit) int {
		return cmp.Or(cmp.Compare(a.customer, b.customer), cmp.Compare(a.at, b.at))
	})
	var list []span
	for _, v := range sorted {
		if n := len(list) - 1; n >= 0 && list[n].Customer == v.customer && v.at-list[n].End <= gap {
			list[n].End = v.at
			list[n].Events++
			continue
		}
		list = append(list, span{v.customer, v.at, v.at, 1})
	}
	return list
}

// topic is aggregates.sessions as its reader sees it: the latest per key.
type topic struct {
	latest map[string]aggregates.Session
	finals map[string]map[int64]bool // revisions that were final, by session
}

func newTopic() *topic {
	return &topic{latest: make(map[string]aggregates.Session), finals: make(map[string]map[int64]bool)}
}

func (c *topic) take(tb rapid.TB, outputs []stream.Output) {
	for _, o := range outputs {
		if o.Topic != aggregates.SessionTopic {
			continue
		}
		if o.Value == nil {
			delete(c.latest, o.Key)
			continue
		}
		var s aggregates.Session
		if err := o.Decode(&s); err != nil {
			tb.Fatal(err)
		}
		if before, ok := c.latest[o.Key]; ok && s.Revision <= before.Revision {
			tb.Fatalf("session %s went from revision %d to %d", o.Key, before.Revision, s.Revision)
		}
		if s.State == aggregates.SessionStateFinal {
			if c.finals[o.Key][s.Revision] {
				tb.Fatalf("session %s was final twice under revision %d", o.Key, s.Revision)
			}
			if c.finals[o.Key] == nil {
				c.finals[o.Key] = make(map[int64]bool)
			}
			c.finals[o.Key][s.Revision] = true
		}
		c.latest[o.Key] = s
	}
}

func (c *topic) spans() []span {
	var list []span
	for s := range maps.Values(c.latest) {
		list = append(list, span{s.Customer, s.Start.Unix(), s.End.Unix(), s.Events})
	}
	slices.SortFunc(list, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.Start, b.Start))
	})
	return list
}

// Defends the promise that counts: whatever the order, the batching, the pauses,
// aborts and restarts, the sessions are those of the definition, and in the end
// all final.
func TestAnyArrivalGivesTheSameSessions(t *testing.T) {
	lookups := streamtest.NewLookups(t)
	rapid.Check(t, func(rt *rapid.T) {
		visits := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) visit {
			return visit{
				customer: rapid.SampledFrom([]string{"a", "b", "ab"}).Draw(rt, "customer"),
				// Multiples of a third of the gap, and one off, meet the boundary often.
				at: 600*rapid.Int64Range(-20, 20).Draw(rt, "third") + rapid.Int64Range(-1, 1).Draw(rt, "off"),
			}
		}), 1, 40).Draw(rt, "visits")
		d := streamtest.Driver(t, spec, newRule(streamtest.Settings(t)), lookups, 3)
		out, clock, pending := newTopic(), streamtest.Day, 0
		for i, v := range visits {
			switch rapid.IntRange(0, 11).Draw(rt, "between") {
			case 0, 1, 2:
				out.take(rt, streamtest.Commit(t, d))
				pending = i
			case 3:
				clock = clock.Add(time.Duration(rapid.IntRange(1, 7200).Draw(rt, "pause")) * time.Second)
				streamtest.Advance(t, d, clock)
			case 4:
				replay(t, d, lookups, visits, pending, i, clock, d.Abort)
			case 5:
				replay(t, d, lookups, visits, pending, i, clock, d.Restart)
			}
			feed(t, d, lookups, i, v, clock)
		}
		out.take(rt, streamtest.Commit(t, d))
		streamtest.Advance(t, d, clock.Add(3*time.Hour))
		out.take(rt, streamtest.Commit(t, d))
		if diff := gocmp.Diff(naive(visits, 1800), out.spans()); diff != "" {
			rt.Fatalf("sessions differ (-definition +rule):\n%s", diff)
		}
		for id, s := range out.latest {
			if s.State != aggregates.SessionStateFinal {
				rt.Fatalf("session %s is %s in the end", id, s.State)
			}
		}
	})
}

func feed(tb testing.TB, d *stream.Driver, l *streamtest.Lookups, i int, v visit, received time.Time) {
	tb.Helper()
	e := &processed.CustomerEvent{
		ID: strconv.Itoa(i), Source: "test", Type: pageViewed, Customer: v.customer, Time: time.Unix(v.at, 0).UTC(),
	}
	if verdict := streamtest.Feed(tb, d, l.CustomerEvent(tb, e, received)); !verdict.OK() {
		tb.Fatalf("event %d: %s", i, verdict)
	}
}

// replay breaks the open transaction off and does it again.
func replay(tb testing.TB, d *stream.Driver, l *streamtest.Lookups, visits []visit, from, to int, received time.Time, breakOff func() error) {
	tb.Helper()
	if err := breakOff(); err != nil {
		tb.Fatal(err)
	}
	for i := from; i < to; i++ {
		feed(tb, d, l, i, visits[i], received)
	}
}

// Defends the figures of the real web log: 3,052 sessions of 1,753 visitors, in
// the order of the file, and shuffled.
func TestWebLog(t *testing.T) {
	visits := readWebLog(t, "../../../shared/data/web_access.log.gz")
	lookups := streamtest.NewLookups(t)
	for name, order := range map[string]func(){
		"as it is": func() {},
		"shuffled": func() {
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(visits), func(i, j int) { visits[i], visits[j] = visits[j], visits[i] })
		},
	} {
		t.Run(name, func(t *testing.T) {
			order()
			d := streamtest.Driver(t, spec, newRule(streamtest.Settings(t)), lookups, 3)
			out := newTopic()
			for i, v := range visits {
				feed(t, d, lookups, i, v, streamtest.Day)
				if i%200 == 199 {
					out.take(t, streamtest.Commit(t, d))
				}
			}
			out.take(t, streamtest.Commit(t, d))
			streamtest.Advance(t, d, streamtest.Day.Add(10*time.Second))
			out.take(t, streamtest.Commit(t, d))
			customers, pages := make(map[string]bool), int64(0)
			for _, s := range out.latest {
				customers[s.Customer] = true
				pages += s.PageViews
				if s.State != aggregates.SessionStateFinal {
					t.Errorf("session %s is not final", s.SessionID)
				}
			}
			if len(out.latest) != 3052 || len(customers) != 1753 || pages != 10000 {
				t.Errorf("%d sessions of %d visitors with %d pages, want 3052, 1753, 10000", len(out.latest), len(customers), pages)
			}
		})
	}
}

func readWebLog(t *testing.T, path string) []visit {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		t.Skipf("the real web log is not beside the project: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^(\S+) \S+ \S+ \[([^\]]+)\]`)
	var visits []visit
	for scan := bufio.NewScanner(z); scan.Scan(); {
		m := line.FindStringSubmatch(scan.Text())
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[2])
		if err != nil {
			t.Fatal(err)
		}
		visits = append(visits, visit{m[1], at.Unix()})
	}
	return visits
}
