package stream

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/event"
)

// schemaSpec reads Avro values, so that each record needs a schema.
var schemaSpec = Spec{
	Name:   "tally",
	Reads:  []Source{{Topic: `^raw\.`, Schema: tallySchema}},
	Writes: tallySpec.Writes,
	State:  tallySpec.State,
}

// schemaRule counts per key what it reads by a schema.
type schemaRule struct{}

func (schemaRule) Apply(tx *Tx, in *Input) Verdict {
	var read tally
	if v := in.Decode(&read); !v.OK() {
		return v
	}
	have := parseTally(string(in.Key), tx.Get(in.Key))
	have.Count++
	tx.Put(in.Key, have.encode())
	if err := tx.Append("copies", in.Key, &tally{have.Key, have.Count, read.Sum}, nil); err != nil {
		return DeadLetter(RuleError, "%v", err)
	}
	return Applied
}

// encoded is a record of one key under a schema id.
func encoded(t *testing.T, topic, key string, id int, partition int32) *kgo.Record {
	t.Helper()
	schema, err := event.CompileSchema(id, tallySchema)
	if err != nil {
		t.Fatal(err)
	}
	value, err := schema.Encode(nil, &tally{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: value}
}

// register makes tallySchema a version of the topic's subject, under the id or,
// for 0, under one that the registry chooses.
func (p *platform) register(topic string, id int) int {
	p.tb.Helper()
	schema := sr.Schema{Schema: strings.Replace(tallySchema, `"name":"Tally"`, `"name":"Tally","doc":"`+topic+`"`, 1)}
	if id != 0 {
		p.registry.SeedSchema(topic+"-value", 1, id, schema)
		return id
	}
	got, _, err := p.registry.RegisterSchema(topic+"-value", schema)
	if err != nil {
		p.tb.Fatal(err)
	}
	return got
}

// What the registry does in a test.
const (
	answers  = iota
	down     // 503
	empties  // 404, whatever it is asked
	silences // no answer
)

// misbehave makes the registry do as mode says.
func (p *platform) misbehave(mode *atomic.Int32) {
	p.registry.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		switch mode.Load() {
		case down:
			http.Error(w, `{"error_code":50001,"message":"down"}`, http.StatusServiceUnavailable)
		case empties:
			http.Error(w, `{"error_code":40403,"message":"Schema not found"}`, http.StatusNotFound)
		case silences:
			<-r.Context().Done()
		default:
			return false
		}
		return true
	})
}

// patient makes the task of a test wait so long for unknown ids.
func patient(limit time.Duration) func(*task) {
	return func(task *task) { task.patience = newPatience(limit) }
}

// Defends the rest of the task against one unknown id: only the partition that
// has it waits, and when the id does not turn up its record is a dead letter and
// the partition goes on.
func TestUnknownSchemaHoldsItsPartitionOnly(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, schemaSpec, 2, "raw.a")
	id := p.register("raw.a", 0)
	const limit = 6 * time.Second
	r := p.start(schemaSpec, schemaRule{}, 0, patient(limit))
	p.produce(encoded(t, "raw.a", "a", id, 0), encoded(t, "raw.a", "b", id, 1))
	p.checkCopies(map[string]int{"a": 1, "b": 1})

	begun := time.Now()
	p.produce(encoded(t, "raw.a", "a", 4711, 0), encoded(t, "raw.a", "a", id, 0))
	eventually(t, "the partition waits", func() bool {
		return value(t, r, "headwater_stream_held_partitions", "reason", "unknown_schema") == 1
	})
	for i := range 5 {
		p.produce(encoded(t, "raw.a", "b", id, 1))
		p.checkCopies(map[string]int{"a": 1, "b": i + 2})
	}
	t.Logf("the other partition went on %s after the unknown id", time.Since(begun))
	dead := p.read(DeadLetterTopic, func(l []*kgo.Record) bool { return len(l) >= 1 })
	if took := time.Since(begun); took < limit {
		t.Errorf("the id was given up after %s", took)
	}
	if class := headerOf(dead[0], headerClass); class != "unknown_schema" {
		t.Errorf("the dead letter is of class %s", class)
	}
	p.checkCopies(map[string]int{"a": 2, "b": 6})
}

func headerOf(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// Defends the record that is faster than its schema: it is applied, in its
// place, as soon as the registry has the schema.
func TestSchemaThatTurnsUpIsUsed(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, schemaSpec, 1, "raw.a")
	r := p.start(schemaSpec, schemaRule{}, 0, patient(time.Hour))
	p.produce(encoded(t, "raw.a", "a", 4711, 0))
	eventually(t, "the partition waits", func() bool {
		return value(t, r, "headwater_stream_held_partitions", "reason", "unknown_schema") == 1
	})
	p.register("raw.a", 4711)
	p.checkCopies(map[string]int{"a": 1})
	eventually(t, "nothing waits", func() bool {
		return value(t, r, "headwater_stream_held_partitions", "reason", "unknown_schema") == 0
	})
}

// Defends the task against its registry: while that is down, denies everything
// or is silent, known ids go on, what needs it waits longer than an unknown id
// would, nothing becomes a dead letter, the task stays in the group, and all
// goes on when the registry is back.
func TestRegistryThatFailsIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]int32{"down": down, "empty": empties, "silent": silences} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPlatform(t, schemaSpec, 2, "raw.a", "raw.b")
			id := p.register("raw.a", 0)
			later := p.register("raw.b", 4711)
			var does atomic.Int32
			p.misbehave(&does)
			const limit = 500 * time.Millisecond
			r := p.start(schemaSpec, schemaRule{}, 0, patient(limit))
			p.produce(encoded(t, "raw.a", "a", id, 0), encoded(t, "raw.a", "b", id, 1))
			p.checkCopies(map[string]int{"a": 1, "b": 1})
			_, generation := r.t.client.GroupMetadata()

			does.Store(mode)
			p.produce(encoded(t, "raw.b", "a", later, 0))
			reason := heldRegistry
			if mode == empties {
				reason = string(UnknownSchema)
			}
			eventually(t, "the partition waits", func() bool {
				return value(t, r, "headwater_stream_held_partitions", "reason", reason) == 1
			})
			n := 1
			for end := time.Now().Add(8 * limit); time.Now().Before(end); n++ {
				p.produce(encoded(t, "raw.a", "a", id, 0), encoded(t, "raw.a", "b", id, 1))
				p.checkCopies(map[string]int{"a": n + 1, "b": n + 1})
			}
			does.Store(answers)
			p.checkCopies(map[string]int{"a": n + 1, "b": n})
			if _, now := r.t.client.GroupMetadata(); now != generation {
				t.Errorf("the group's generation went from %d to %d: the task lost its place", generation, now)
			}
			if n := counterValue(t, r.t.metrics.deadLetters.WithLabelValues(string(UnknownSchema))); n != 0 {
				t.Errorf("%v records became dead letters because of the registry", n)
			}
		})
	}
}

// Defends the partition against a flood of made-up ids: all together hold it no
// longer than twice the patience that one gets, and another topic's is its own.
func TestPatienceRunsOut(t *testing.T) {
	t.Parallel()
	const limit = 30 * time.Second
	p := newPatience(limit)
	start := time.Now()
	now := start
	for i := range 100 {
		v := DeadLetter(UnknownSchema, "schema %d", i)
		for p.wait("raw.a", v, now) {
			now = now.Add(10 * time.Millisecond)
		}
		if i == 0 && now.Sub(start) < limit {
			t.Errorf("the first id was waited for %s, want %s", now.Sub(start), limit)
		}
		if p.wait("raw.a", v, now) {
			t.Errorf("id %d is waited for again", i)
		}
	}
	if took := now.Sub(start); took > 2*limit+time.Second {
		t.Errorf("a hundred ids were waited for %s", took)
	}
	if !p.wait("raw.b", DeadLetter(UnknownSchema, "other"), now) {
		t.Error("another topic's id is not waited for")
	}
	if p.wait("raw.a", DeadLetter(BadPayload, "x"), now) {
		t.Error("a bad payload is waited for")
	}
}
