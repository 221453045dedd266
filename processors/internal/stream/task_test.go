package stream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Defends the main path: what goes in is counted once, in order, per key.
func TestCountsOnce(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 4, "raw.a")
	p.start(tallySpec, &tallyRule{}, 0, nil)
	p.checkCopies(p.produceKeys("raw.a", 500))
}

// produceKeys sends n records of some keys and returns how many of each.
func (p *platform) produceKeys(topic string, n int) map[string]int {
	p.tb.Helper()
	sent := make(map[string]int)
	records := make([]*kgo.Record, n)
	for i := range n {
		key := fmt.Sprintf("k%d", i%17)
		sent[key]++
		records[i] = number(topic, key, i)
	}
	p.produce(records...)
	return sent
}

func add(to, from map[string]int) {
	for k, n := range from {
		to[k] += n
	}
}

var errCrash = errors.New("crashed by the test")

// Defends exactly once against crashes: a task that dies between flush and
// commit, or between commit and disk, leaves neither a loss nor a double, and
// its successor does not wait for its open transaction to time out.
func TestCrashesLoseNothing(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"flushed", "committed"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			p := startPlatform(t, tallySpec, 4, "raw.a")
			sent := make(map[string]int)
			for range 4 {
				commits := 0
				crash := 1 + rand.IntN(3)
				r := p.start(tallySpec, &tallyRule{}, 0, func(task *task) {
					task.fault = func(at string) error {
						if at == point {
							if commits++; commits >= crash {
								return errCrash
							}
						}
						return nil
					}
				})
				var err error
				for waiting := true; waiting; {
					add(sent, p.produceKeys("raw.a", 50))
					select {
					case err = <-r.done:
						waiting = false
					case <-time.After(20 * time.Millisecond):
					}
				}
				if !errors.Is(err, errCrash) {
					t.Fatalf("the task ended with %v", err)
				}
				r.done <- nil
			}
			begun := time.Now()
			p.start(tallySpec, &tallyRule{}, 0, nil)
			p.checkCopies(sent)
			t.Logf("the successor took %s", time.Since(begun))
		})
	}
}

// Defends recovery without a disk: a state directory that is gone, or that
// holds rubbish, is restored from the changelog.
func TestRestoresWithoutDirectory(t *testing.T) {
	t.Parallel()
	for _, harm := range []string{"gone", "rubbish"} {
		t.Run(harm, func(t *testing.T) {
			t.Parallel()
			p := startPlatform(t, tallySpec, 4, "raw.a")
			r := p.start(tallySpec, &tallyRule{}, 0, nil)
			sent := p.produceKeys("raw.a", 300)
			p.checkCopies(sent)
			r.drain(t)
			dir := filepath.Join(p.dir, tallySpec.Name)
			if harm == "gone" {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			} else {
				spoil(t, dir)
			}
			p.start(tallySpec, &tallyRule{}, 0, nil)
			add(sent, p.produceKeys("raw.a", 300))
			p.checkCopies(sent)
		})
	}
}

func spoil(t *testing.T, dir string) {
	t.Helper()
	manifests, err := filepath.Glob(filepath.Join(dir, "*", "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatalf("no state to spoil: %v", err)
	}
	for _, m := range manifests {
		if err := os.WriteFile(m, []byte("rubbish"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Defends a quick restart: with its directory a task replays next to nothing.
func TestRestartReplaysLittle(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	sent := p.produceKeys("raw.a", 500)
	p.checkCopies(sent)
	r.drain(t)
	begun := time.Now()
	r = p.start(tallySpec, &tallyRule{}, 0, nil)
	add(sent, p.produceKeys("raw.a", 10))
	p.checkCopies(sent)
	t.Logf("processing again after %s", time.Since(begun))
	if n := counterValue(t, r.t.metrics.restores); n != 0 {
		t.Errorf("%v records were replayed after an orderly stop", n)
	}
}

// Defends the move of state between tasks: a second task joins, and leaves
// again, while records flow; each count stays right.
func TestRebalanceMovesState(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 4, "raw.a", "raw.b")
	sent := make(map[string]int)
	feed := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			add(sent, p.produceKeys("raw.a", 17))
			add(sent, p.produceKeys("raw.b", 17))
		}
	}
	first := p.start(tallySpec, &tallyRule{}, 0, nil)
	feed(time.Second)
	second := p.start(tallySpec, &tallyRule{}, 1, nil)
	for !second.t.group.ready() || len(second.t.group.topics()) == 0 {
		feed(100 * time.Millisecond)
	}
	feed(500 * time.Millisecond)
	one, two := first.t.group.topics(), second.t.group.topics()
	if len(one) != 2 || len(two) != 2 {
		t.Errorf("the tasks have %v and %v, want two numbers each", one, two)
	}
	for number, topics := range two {
		if len(topics) != 2 || one[number] != nil {
			t.Errorf("partition %d is not with one task whole: %v, %v", number, topics, one[number])
		}
	}
	second.drain(t)
	feed(500 * time.Millisecond)
	p.checkCopies(sent)
}

// Defends the partition against poison: what does not decode and what makes the
// rule panic become dead letters with their position, leave no trace in state
// or outputs, and the next record is handled.
func TestPoisonBecomesDeadLetters(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 1, "raw.a")
	p.start(tallySpec, &tallyRule{}, 0, nil)
	poison := number("raw.a", "k0", 1)
	poison.Value, poison.Headers = []byte("poison"), []kgo.RecordHeader{{Key: "ce_id", Value: []byte("7")}}
	bomb := number("raw.a", "k0", 1)
	bomb.Value = []byte("panic")
	p.produce(number("raw.a", "k0", 1), poison, bomb, number("raw.a", "k0", 2))
	p.checkCopies(map[string]int{"k0": 2})

	dead := p.read(DeadLetterTopic, func(l []*kgo.Record) bool { return len(l) >= 2 })
	for i, want := range []map[string]string{
		{"ce_id": "7", headerClass: "bad_payload", headerStage: "tally", headerTopic: "raw.a", headerPartition: "0", headerOffset: "1"},
		{headerClass: "rule_error", headerStage: "tally", headerOffset: "2"},
	} {
		have := make(map[string]string)
		for _, h := range dead[i].Headers {
			have[h.Key] = string(h.Value)
		}
		for k, v := range want {
			if have[k] != v {
				t.Errorf("dead letter %d: header %s is %q, want %q", i, k, have[k], v)
			}
		}
		if _, err := time.Parse(time.RFC3339Nano, have[headerTimestamp]); err != nil {
			t.Errorf("dead letter %d: %v", i, err)
		}
	}
	if string(dead[0].Value) != "poison" {
		t.Errorf("the dead letter is %q, want the original bytes", dead[0].Value)
	}
	lines := p.read(LedgerTopic, func(l []*kgo.Record) bool {
		return len(l) > 0 && strings.Contains(string(l[len(l)-1].Value), `"in":4`)
	})
	last := string(lines[len(lines)-1].Value)
	if !strings.Contains(last, `"in":4,"applied":2,"duplicate":0,"late":0,"dead_lettered":{"bad_payload":1,"rule_error":1},"out":`) {
		t.Errorf("the ledger says %s", last)
	}
}

// Defends discovery: a topic that appears while the task runs is read from its
// first event within 10 seconds.
func TestNewTopicIsFound(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	p.start(tallySpec, &tallyRule{}, 0, nil)
	sent := p.produceKeys("raw.a", 17)
	p.checkCopies(sent)
	p.create("raw.late")
	begun := time.Now()
	add(sent, p.produceKeys("raw.late", 34))
	p.checkCopies(sent)
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the new topic was found after %s", took)
	}
}

// Defends keys against other keys' state: partitions added to an input stop the
// processor with a message that says how to mend it.
func TestChangedPartitionCountIsRefused(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	p.checkCopies(p.produceKeys("raw.a", 50))
	r.drain(t)
	admin := kadm.NewClient(p.client)
	if _, err := admin.CreatePartitions(t.Context(), 1, "raw.a", "tallies", "copies", "state.tally"); err != nil {
		t.Fatal(err)
	}
	r = p.start(tallySpec, &tallyRule{}, 0, nil)
	select {
	case err := <-r.done:
		var fatal *fatalError
		if !errors.As(err, &fatal) || !strings.Contains(err.Error(), "raw.a had 2 partitions") {
			t.Errorf("the task ended with %v", err)
		}
		r.done <- nil
	case <-time.After(15 * time.Second):
		t.Error("the task did not stop")
	}
}

// Defends co-partitioned outputs: a record's partition is that of its input,
// whatever its key.
func TestOutputsStayInTheirPartition(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 4, "raw.a")
	p.start(tallySpec, &tallyRule{}, 0, nil)
	in := number("raw.a", "same", 1)
	for i := range int32(4) {
		r := *in
		r.Partition = i
		p.produce(&r)
	}
	seen := make(map[int32]bool)
	for _, r := range p.read("copies", func(l []*kgo.Record) bool { return len(l) >= 4 }) {
		seen[r.Partition] = true
	}
	if len(seen) != 4 {
		t.Errorf("records are in partitions %v, want all four", seen)
	}
}
