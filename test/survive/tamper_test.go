package survive

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
)

// whole is a run of n events without damage.
func whole(n int) (*load, *observer) {
	l := &load{acked: make([]bool, n)}
	o := &observer{
		raw: int64(n) + 1, ledger: map[string]ledgerLine{}, // one was sent twice
		sessions: map[string]aggregates.Session{"s": {Types: map[string]int64{}}}, counts: map[string]aggregates.EventCount{},
	}
	for i := range n {
		l.acked[i] = true
		o.times = append(o.times, 1)
		o.sessions["s"].Types[typeOf(i)]++
		for _, name := range []string{typeOf(i), "*"} {
			c := o.counts[name]
			c.Type, c.Window, c.Events = name, aggregates.WindowAllTime, c.Events+1
			o.counts[name] = c
		}
	}
	events := int64(n)
	o.ledger["refine/0"] = ledgerLine{In: events + 1, Applied: events, Duplicate: 1}
	o.ledger["sessionize/0"] = ledgerLine{In: events, Applied: events}
	o.ledger["aggregate/0"] = o.ledger["sessionize/0"]
	return l, o
}

// The negative control: of a run without damage one thing is changed at a time, and
// each must be found as what it is. Without this a checker that looks at nothing
// would pass too.
func TestCheckerFindsDamage(t *testing.T) {
	l, o := whole(40)
	if d := check(l, o); d.any() {
		t.Fatalf("there is damage before any was done: %q", d.lines())
	}
	expect := func(kind string, change, back func()) {
		t.Helper()
		change()
		if d := check(l, o); d.number[kind] == 0 {
			t.Errorf("the checker does not see %q, but %q", kind, d.lines())
		}
		back()
	}
	n := len(o.times) / 2
	expect(lost, func() { o.times[n] = 0 }, func() { o.times[n] = 1 })
	expect(doubled, func() { o.times[n] = 2 }, func() { o.times[n] = 1 })
	expect(unsent, func() { l.acked[n] = false }, func() { l.acked[n] = true })
	expect(invented, func() { o.times = append(o.times, 1) }, func() { o.times = o.times[:len(o.times)-1] })
	expect(unsent, func() { l.broken = []string{"refused"} }, func() { l.broken = nil })
	expect(dead, func() { o.dead++ }, func() { o.dead-- })
	change(t, l, o, wrongSession, o.sessions)
	change(t, l, o, wrongCount, o.counts)
	change(t, l, o, unbalanced, o.ledger)
	if d := check(l, o); d.any() {
		t.Errorf("the changes were not taken back: %q", d.lines())
	}
	log := "time=1 level=INFO msg=ok\ntime=2 level=ERROR msg=bad\ntime=3 level=ERROR msg=\"" + beginsAnew + "\"\n"
	if lines, retried := errorLines("refine-0", []byte(log)); len(lines) != 1 || retried != 1 {
		t.Errorf("of one error in a log and one that is tried again the checker sees %q and %d", lines, retried)
	}
}

// change forgets one key of a compacted topic.
func change[V any](t *testing.T, l *load, o *observer, kind string, latest map[string]V) {
	t.Helper()
	for key, value := range latest {
		delete(latest, key)
		found := check(l, o).number[kind]
		latest[key] = value
		if found > 0 {
			return // a count of a minute is not part of the sum
		}
	}
	t.Errorf("the checker does not see %q, whatever is taken away", kind)
}

// writeAgain writes a record of processed.customer-events a second time, which must be
// found on top of what there is.
func writeAgain(t *testing.T, p *platform, l *load, o *observer) {
	t.Helper()
	before := check(l, o).number[doubled]
	client, err := p.admin.Client(kgo.ConsumeTopics(processed.CustomerEventTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	records := client.PollFetches(t.Context()).Records()
	if len(records) == 0 {
		t.Fatal("processed.customer-events cannot be read")
	}
	r := records[0]
	again := &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers, Partition: r.Partition}
	if err := client.ProduceSync(t.Context(), again).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := check(l, o)
	if d.number[doubled] != before+1 {
		t.Errorf("of one record that was written twice the checker sees %q", strings.Join(d.lines(), "; "))
	}
}
