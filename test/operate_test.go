package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// Defends what an operator does to a processor, on real processes: a reset makes
// the counts that a model of the events makes, a skip leaves an entry for each
// record and goes on behind them, both are refused while the processor runs, and
// neither up nor terraform ends a pause.
func TestOperateOnAProcessor(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.up()

	// A visitor who turns out to be a customer, so that the counts go through the
	// repartition topic too.
	for i := range 40 {
		p.view(fmt.Sprintf("early-%d", i), fmt.Sprintf("customer-%d", i%7), "")
	}
	p.view("early-visit", "", "device-1")
	p.run("send", "account.customer_identified", "--customer", "customer-1", "--anonymous-id", "device-1", "--id", "early-link", "--data", "{}")
	p.counted(42)
	time.Sleep(10 * time.Millisecond) // receipt is in milliseconds
	boundary := time.Now().UTC()
	for i := range 20 {
		p.view(fmt.Sprintf("later-%d", i), fmt.Sprintf("customer-%d", i%3), "")
	}
	p.counted(62)

	t.Run("a pause outlives up", func(t *testing.T) { pauseOutlivesUp(t, p) })
	t.Run("a reset to a time", func(*testing.T) { resetToATime(p, boundary) })
	t.Run("a reset to the beginning", func(t *testing.T) { resetToTheBeginning(t, p) })
	t.Run("a skipped range", func(t *testing.T) { skippedRange(t, p) })
}

// view posts one page view of a customer or of an anonymous id.
func (p *platform) view(id, customer, anonymous string) {
	p.t.Helper()
	who := fmt.Sprintf(`"subject":%q`, customer)
	if customer == "" {
		who = fmt.Sprintf(`"anonymousid":%q`, anonymous)
	}
	body := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/operate","type":"browsing.page_viewed",%s,"data":{"url":"https://example.com/"}}`, id, who)
	if code, answer := p.post("/v1/events", "application/cloudevents+json", p.credentials("local").WriteKey, body); code/100 != 2 {
		p.t.Fatalf("%s: %d %s", id, code, answer)
	}
}

// counted waits until so many events are counted.
func (p *platform) counted(events int64) {
	p.t.Helper()
	waitFor(p.t, time.Minute, fmt.Sprintf("%d events to be counted", events), func() bool { return p.allTime()["*"].Events == events })
}

// refused demands that a command fails and says each of the words.
func (p *platform) refused(words []string, args ...string) {
	p.t.Helper()
	out, err := p.try(args...)
	if err == nil {
		p.t.Errorf("headwater %s was done:\n%s", strings.Join(args, " "), out)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			p.t.Errorf("headwater %s says\n%swithout %q", strings.Join(args, " "), out, word)
		}
	}
}

func pauseOutlivesUp(t *testing.T, p *platform) {
	p.refused([]string{"aggregate runs", "pause aggregate"}, "reset", "aggregate", "--to", "earliest", "--yes")
	p.refused([]string{"aggregate runs", "pause aggregate"}, "skip", "aggregate", "--topic", "processed.customer-events",
		"--partition", "0", "--from", "0", "--to", "0", "--yes")
	p.refused([]string{"no deployment aggregator", "aggregate, collect, refine, sessionize"}, "pause", "aggregator")
	if out := p.run("pause", "aggregate"); !strings.Contains(out, "headwater resume aggregate") {
		t.Errorf("pause says %s", out)
	}
	out, err := p.command("up", "--source", p.source, "--sample").CombinedOutput()
	if err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	for _, word := range []string{"No changes", "paused: aggregate", "No task runs until headwater resume aggregate"} {
		if !strings.Contains(string(out), word) {
			t.Errorf("up lacks %q:\n%s", word, out)
		}
	}
	for _, d := range p.status().Deployments {
		if d.Name == "aggregate" && (!d.Paused || len(d.Tasks) > 0) {
			t.Errorf("up ended the pause: %+v", d)
		}
	}
	p.refused([]string{"aggregate is paused", "resume aggregate"}, "state", "aggregate", "*")
	p.run("resume", "aggregate")
}

// partitionCount is what one partition holds of a type in the window of all time.
type partitionCount struct {
	Type              string
	Partition         int32
	Events, Customers int64
}

// heldCounts are the latest records of that window, in order.
func (p *platform) heldCounts() []partitionCount {
	p.t.Helper()
	var list []partitionCount
	for _, c := range latest[count](p.t, p.tail("aggregates.event-counts")) {
		if c.Window == "ALL_TIME" && c.Events > 0 {
			list = append(list, partitionCount{c.Type, c.Partition, c.Events, c.UniqueCustomers})
		}
	}
	return inOrder(list)
}

func inOrder(list []partitionCount) []partitionCount {
	slices.SortFunc(list, func(a, b partitionCount) int {
		return strings.Compare(fmt.Sprint(a.Type, a.Partition), fmt.Sprint(b.Type, b.Partition))
	})
	return list
}

// modelCounts counts the processed events received from a time on, as a person
// would; whom an anonymous id belongs to is known from the beginning.
func (p *platform) modelCounts(since time.Time, owner map[string]string, partition map[string]int32) []partitionCount {
	p.t.Helper()
	type slot struct {
		kind      string
		partition int32
	}
	events, customers := map[slot]int64{}, map[slot]map[string]bool{}
	for _, r := range p.tail("processed.customer-events") {
		var e struct {
			Type     string    `json:"type"`
			Customer string    `json:"customer"`
			Received time.Time `json:"received_time"`
		}
		if err := json.Unmarshal(r.Value, &e); err != nil {
			p.t.Fatal(err)
		}
		if e.Received.Before(since) {
			continue
		}
		at := r.Partition
		if to, ok := owner[e.Customer]; ok {
			e.Customer, at = to, partition[to]
		}
		for _, kind := range []string{e.Type, "*"} {
			s := slot{kind, at}
			events[s]++
			if customers[s] == nil {
				customers[s] = map[string]bool{}
			}
			customers[s][e.Customer] = true
		}
	}
	var list []partitionCount
	for s := range maps.Keys(events) {
		list = append(list, partitionCount{s.kind, s.partition, events[s], int64(len(customers[s]))})
	}
	return inOrder(list)
}

// partitionsOf says in which partition of the processed events each customer is.
func (p *platform) partitionsOf() map[string]int32 {
	p.t.Helper()
	partitions := map[string]int32{}
	for _, r := range p.tail("processed.customer-events") {
		partitions[r.Key] = r.Partition
	}
	return partitions
}

// expectCounts waits for the counts and says how they differ when they do not come.
func (p *platform) expectCounts(want []partitionCount) {
	p.t.Helper()
	var have []partitionCount
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if have = p.heldCounts(); cmp.Equal(want, have) {
			return
		}
	}
	p.t.Errorf("counts (-model +held):\n%s", cmp.Diff(want, have))
}

// reset pauses a processor, resets it and lets it go on.
func (p *platform) reset(processor string, args ...string) {
	p.t.Helper()
	p.run("pause", processor)
	p.run(append([]string{"reset", processor, "--yes", "--by", "tester"}, args...)...)
	p.run("resume", processor)
}

// resetToATime: what was received since is counted from nothing; where nothing
// was, the counts stay as they were published.
func resetToATime(p *platform, boundary time.Time) {
	p.reset("aggregate", "--to", boundary.Format(time.RFC3339Nano))
	since := p.modelCounts(boundary, nil, nil)
	want := slices.Clone(since)
	for _, c := range p.modelCounts(time.Time{}, map[string]string{"device-1": "customer-1"}, p.partitionsOf()) {
		if !slices.ContainsFunc(since, func(s partitionCount) bool { return s.Type == c.Type && s.Partition == c.Partition }) {
			want = append(want, c)
		}
	}
	p.expectCounts(inOrder(want))
}

// resetToTheBeginning: everything is as it was, what went through the repartition
// topic once and not twice.
func resetToTheBeginning(t *testing.T, p *platform) {
	p.reset("aggregate", "--to", "earliest")
	p.expectCounts(p.modelCounts(time.Time{}, map[string]string{"device-1": "customer-1"}, p.partitionsOf()))
	p.counted(62)
	for _, r := range p.tail("headwater.ledger") {
		if strings.HasPrefix(r.Key, "operator/reset/aggregate/") && strings.Contains(string(r.Value), "tester") {
			return
		}
	}
	t.Error("the ledger has no note of the reset")
}

// skippedRange: the named records become dead letters, the next one is processed,
// and the books are even.
func skippedRange(t *testing.T, p *platform) {
	p.run("pause", "sessionize")
	for i := range 3 {
		p.view(fmt.Sprintf("skipped-%d", i), "skipped", "")
	}
	p.counted(65)
	partition := p.partitionsOf()["skipped"]
	var report struct {
		Moves []struct {
			Topic     string `json:"topic"`
			Partition int32  `json:"partition"`
			From      int64  `json:"from"`
		} `json:"moves"`
	}
	if err := json.Unmarshal([]byte(p.run("reset", "sessionize", "--to", "latest", "--keep-state", "--dry-run", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	from, to := int64(0), int64(0)
	for _, m := range report.Moves {
		if m.Topic == "processed.customer-events" && m.Partition == partition {
			from = max(m.From, 0)
		}
	}
	for _, r := range p.tail("processed.customer-events") {
		if r.Partition == partition {
			to = max(to, r.Offset)
		}
	}
	skip := []string{"skip", "sessionize", "--topic", "processed.customer-events", "--partition", fmt.Sprint(partition), "--to", fmt.Sprint(to), "--by", "tester", "--yes", "--from"}
	p.refused([]string{fmt.Sprintf("at offset %d of processed.customer-events/%d", from, partition)}, append(skip, fmt.Sprint(from+1))...)
	p.run(append(skip, fmt.Sprint(from))...)
	p.run("resume", "sessionize")
	p.view("behind", "skipped", "")
	waitFor(t, time.Minute, "the event behind the range", func() bool {
		found := p.sessions("skipped")
		return len(found) == 1 && found[0].Events == 1
	})
	letters := 0
	for _, r := range p.tail("dead-letters") {
		if r.Headers["dl_class"] == "skipped" && r.Headers["dl_stage"] == "sessionize" && strings.HasPrefix(r.Headers["dl_reason"], "tester skipped") && r.Key == "skipped" {
			letters++
		}
	}
	if letters != 3 {
		t.Errorf("%d dead letters of 3 skipped records", letters)
	}
	p.booksAreEven(map[string]int64{"sessionize": 3})
}

// booksAreEven checks each line of the ledger, and how many records each stage
// skipped.
func (p *platform) booksAreEven(skipped map[string]int64) {
	p.t.Helper()
	lines := slices.DeleteFunc(p.tail("headwater.ledger"), func(r record) bool { return strings.HasPrefix(r.Key, "operator/") })
	have := map[string]int64{}
	for key, line := range latest[struct {
		Stage     string           `json:"stage"`
		In        int64            `json:"in"`
		Applied   int64            `json:"applied"`
		Duplicate int64            `json:"duplicate"`
		Late      int64            `json:"late"`
		Dead      map[string]int64 `json:"dead_lettered"`
	}](p.t, lines) {
		sum := line.Applied + line.Duplicate + line.Late
		for _, n := range line.Dead {
			sum += n
		}
		if line.In != sum {
			p.t.Errorf("%s: %d in, %d accounted for", key, line.In, sum)
		}
		if n := line.Dead["skipped"]; n > 0 {
			have[line.Stage] += n
		}
	}
	if diff := cmp.Diff(skipped, have); diff != "" {
		p.t.Errorf("skipped by stage (-want +have):\n%s", diff)
	}
}
