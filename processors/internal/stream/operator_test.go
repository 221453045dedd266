package stream

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/topology"
)

func (p *platform) operator(spec Spec) *operator {
	p.tb.Helper()
	o, err := newOperator(p.cluster.Config, spec, filepath.Join(p.dir, spec.Name))
	if err != nil {
		p.tb.Fatal(err)
	}
	p.tb.Cleanup(o.client.Close)
	return o
}

// ledger sums the lines of a stage that the ledger ends with.
func (p *platform) ledger(stage string, enough func(in, applied, skipped int64) bool) {
	p.tb.Helper()
	p.read(LedgerTopic, func(list []*kgo.Record) bool {
		latest := make(map[string][]byte)
		for _, r := range list {
			latest[string(r.Key)] = r.Value
		}
		var in, applied, skipped int64
		for key, value := range latest {
			var line struct {
				In      int64            `json:"in"`
				Applied int64            `json:"applied"`
				Dead    map[string]int64 `json:"dead_lettered"`
			}
			if strings.HasPrefix(key, stage+"/") && json.Unmarshal(value, &line) == nil {
				in, applied, skipped = in+line.In, applied+line.Applied, skipped+line.Dead[string(Skipped)]
			}
		}
		return enough(in, applied, skipped)
	})
}

// Defends an operator's reset: refused while the processor runs, nothing changed
// by a dry run, and then everything processed again from the time named with a
// state that has forgotten all, while the ledger counts on.
func TestResetProcessesAgain(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	begin := time.Now().UTC().Truncate(time.Second)
	at := func(n, second int) *kgo.Record {
		one := onPartition(number("raw.a", "a", n), 1)
		one.Timestamp = begin.Add(time.Duration(second) * time.Second)
		return one
	}
	for i := range 10 {
		p.produce(at(i, i))
	}
	p.checkCopies(map[string]int{"a": 10})
	o := p.operator(tallySpec)
	wish := topology.Reset{To: begin.Add(6 * time.Second).Format(time.RFC3339), By: "ann"}
	if _, err := o.reset(t.Context(), wish); err == nil || !strings.Contains(err.Error(), "run headwater pause tally") {
		t.Fatalf("reset of a processor that runs: %v", err)
	}
	r.drain(t)

	dry := wish
	dry.DryRun = true
	report, err := o.reset(t.Context(), dry)
	if err != nil {
		t.Fatal(err)
	}
	if m := report.Moves[1]; m.From < 10 || m.To >= m.From || m.To != 6 || m.Passed != 0 || report.StateRecords < 2 || len(report.Directories) != 2 {
		t.Errorf("dry run: %+v", report)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "tally", "1")); err != nil {
		t.Errorf("a dry run dropped state: %v", err)
	}
	if _, err := o.reset(t.Context(), wish); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(p.dir, "tally", "*")); len(left) > 0 {
		t.Errorf("local state is left: %q", left)
	}

	r = p.start(tallySpec, &tallyRule{}, 0, nil)
	copies := p.read("copies", func(list []*kgo.Record) bool { return len(list) >= 14 })
	var got []tally
	for _, c := range copies[10:] {
		got = append(got, p.tally(c, "copies"))
	}
	want := []tally{{"a", 1, 6}, {"a", 2, 7}, {"a", 3, 8}, {"a", 4, 9}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was processed again: %s", diff)
	}
	p.ledger("tally", func(in, applied, _ int64) bool { return in == 14 && applied == 14 })
	r.drain(t)
}

// Defends --keep-state, the topic that stands alone, and the words of refusals.
func TestResetKeepsState(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 1, "raw.a", "raw.b")
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	for i := range 5 {
		p.produce(number("raw.a", "a", i), number("raw.b", "b", i))
	}
	p.checkCopies(map[string]int{"a": 5, "b": 5})
	r.drain(t)
	o := p.operator(tallySpec)
	for text, wish := range map[string]topology.Reset{
		"add --keep-state":     {To: "earliest", Topic: "raw.a"},
		"does not read raw.c":  {To: "earliest", Topic: "copies"},
		"earliest, latest or ": {To: "yesterday"},
	} {
		if _, err := o.reset(t.Context(), wish); err == nil || !strings.Contains(err.Error(), strings.Replace(text, "raw.c", "copies", 1)) {
			t.Errorf("%+v: %v, want %q", wish, err, text)
		}
	}
	if _, err := o.reset(t.Context(), topology.Reset{To: "earliest", Topic: "raw.a", KeepState: true}); err != nil {
		t.Fatal(err)
	}
	r = p.start(tallySpec, &tallyRule{}, 0, nil)
	p.checkCopies(map[string]int{"a": 10, "b": 5}) // the count goes on
	r.drain(t)
}

// relayRule counts what reaches it by way of a topic of its own.
type relayRule struct{}

func (r *relayRule) Apply(tx *Tx, in *Input) Verdict {
	if in.Topic == "copies" {
		var c tally
		if v := in.Decode(&c); !v.OK() {
			return v
		}
		t := parseTally(c.Key, tx.Get(in.Key))
		t.Count++
		tx.Put(in.Key, t.encode())
		tx.Upsert("tallies", in.Key, &t)
		return Applied
	}
	if err := tx.Append("copies", in.Key, &tally{Key: string(in.Key)}, nil); err != nil {
		return DeadLetter(RuleError, "%v", err)
	}
	return Applied
}

// Defends a reset against counting twice: what the processor itself wrote to its
// repartition topic is not read again beside what it writes there again; where
// the state stays, that topic stays where it is, too.
func TestResetLeavesOwnTopics(t *testing.T) {
	t.Parallel()
	spec := tallySpec
	spec.Reads = []Source{{Topic: "raw.a"}, {Topic: "copies", Schema: tallySchema, Stage: "tally.copies"}}
	p := startPlatform(t, spec, 1, "raw.a")
	latest := func(after int) (count int64, records int) {
		list := p.read("tallies", func(list []*kgo.Record) bool {
			return len(list) > after && p.tally(list[len(list)-1], "tallies").Count >= 5
		})
		return p.tally(list[len(list)-1], "tallies").Count, len(list)
	}
	r := p.start(spec, &relayRule{}, 0, nil)
	for i := range 5 {
		p.produce(number("raw.a", "a", i))
	}
	_, before := latest(0)
	r.drain(t)

	o := p.operator(spec)
	kept, err := o.reset(t.Context(), topology.Reset{To: "earliest", KeepState: true, DryRun: true})
	if err != nil || len(kept.Moves) != 1 || kept.Moves[0].Topic != "raw.a" {
		t.Errorf("with the state kept: %v, %+v", err, kept)
	}
	report, err := o.reset(t.Context(), topology.Reset{To: "earliest"})
	if err != nil || len(report.Moves) != 2 || !report.Moves[0].Own || report.Moves[0].Again != 0 || report.Moves[1].To != 0 {
		t.Errorf("%v, %+v", err, report)
	}
	r = p.start(spec, &relayRule{}, 0, nil)
	p.ledger("tally.copies", func(in, applied, _ int64) bool { return in == 10 && applied == 10 })
	r.drain(t)
	if have, _ := latest(before); have != 5 {
		t.Errorf("five records count %d after a reset", have)
	}
}

// Defends the range that an operator names: each record of it is a dead letter
// and a line of the ledger, the processor goes on behind it, and no record is
// skipped that was not named.
func TestSkipAccountsForEachRecord(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	for i := range 10 {
		p.produce(onPartition(number("raw.a", "a", i), 0))
	}
	p.checkCopies(map[string]int{"a": 10})
	r.drain(t)
	for i := range 10 {
		p.produce(onPartition(number("raw.a", "a", 10+i), 0))
	}
	var upTo kadm.Offsets
	upTo.Add(kadm.Offset{Topic: "raw.a", Partition: 0, At: 13})
	if _, err := kadm.NewClient(p.client).DeleteRecords(t.Context(), upTo); err != nil {
		t.Fatal(err)
	}
	o := p.operator(tallySpec)
	wish := topology.Skip{Topic: "raw.a", Partition: 0, From: 12, To: 16, By: "ann"}
	if _, err := o.skip(t.Context(), wish); err == nil || !strings.Contains(err.Error(), "is at offset 10 of raw.a/0") {
		t.Errorf("a range that leaves a gap: %v", err)
	}
	wish.From, wish.To = 10, 20
	if _, err := o.skip(t.Context(), wish); err == nil || !strings.Contains(err.Error(), "ends at offset 19") {
		t.Errorf("a range beyond the end: %v", err)
	}
	wish.To = 16
	report, err := o.skip(t.Context(), wish)
	if err != nil {
		t.Fatal(err)
	}
	if report.Deleted != 3 || report.DeadLettered != 4 {
		t.Errorf("%+v", report)
	}
	letters := p.read(DeadLetterTopic, func(list []*kgo.Record) bool { return len(list) >= 4 })
	for i, l := range letters {
		headers := make(map[string]string)
		for _, h := range l.Headers {
			headers[h.Key] = string(h.Value)
		}
		if headers[headerClass] != "skipped" || headers[headerStage] != "tally" || headers[headerTopic] != "raw.a" ||
			headers[headerOffset] != []string{"13", "14", "15", "16"}[i] || !strings.HasPrefix(headers[headerReason], "ann skipped offsets 10 to 16") {
			t.Errorf("dead letter %d: %v", i, headers)
		}
	}
	p.ledger("tally", func(in, applied, skipped int64) bool { return in == 14 && applied == 10 && skipped == 4 })
	if _, err := o.skip(t.Context(), wish); err == nil || !strings.Contains(err.Error(), "is at offset 17") {
		t.Errorf("the same range once more: %v", err)
	}

	r = p.start(tallySpec, &tallyRule{}, 0, nil)
	p.checkCopies(map[string]int{"a": 13})
	p.ledger("tally", func(in, applied, skipped int64) bool { return in == 17 && applied == 13 && skipped == 4 })
	r.drain(t)
}
