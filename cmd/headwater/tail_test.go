package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafkatest"
)

const itemAvro = `{"type":"record","name":"ItemSeen","fields":[{"name":"n","type":"long"},{"name":"note","type":["null","string"],"default":null}]}`

const outerAvro = `{"type":"record","name":"CustomerEvent","fields":[
	{"name":"id","type":"string"},{"name":"schema_id","type":"int"},{"name":"data","type":"bytes"}]}`

func avro(t *testing.T, id int, schema string, v any) []byte {
	t.Helper()
	s, err := event.CompileSchema(id, schema)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Encode(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func produce(t *testing.T, c *kafkatest.Cluster, records ...*kgo.Record) {
	t.Helper()
	client := c.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// abort writes a record in a transaction that never commits.
func abort(t *testing.T, c *kafkatest.Cluster, r *kgo.Record) {
	t.Helper()
	client := c.Client(kgo.TransactionalID("aborting"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := client.EndTransaction(context.Background(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

func tailed(t *testing.T, args ...string) []decoded {
	t.Helper()
	var out []decoded
	for line := range strings.Lines(mustCLI(t, append([]string{"tail", "--json"}, args...)...)) {
		var d decoded
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		out = append(out, d)
	}
	return out
}

// Defends what programs read from tail: every kind of value, headers, tombstones,
// and only what was committed.
func TestTail(t *testing.T) {
	c := smallKafka(t)
	schemaRegistry(t, map[int]string{7: itemAvro, 8: outerAvro})
	c.CreateTopic("raw.shop.item-seen", 2, nil)
	c.CreateTopic(processedTopic, 1, nil)
	const topic = "raw.shop.item-seen"
	item := avro(t, 7, itemAvro, map[string]any{"n": int64(5), "note": "x"})
	at := time.Date(2020, 1, 2, 3, 4, 5, 6e6, time.UTC)
	produce(t, c,
		&kgo.Record{Topic: topic, Key: []byte("ann"), Value: item, Timestamp: at, Headers: []kgo.RecordHeader{{Key: "ce_type", Value: []byte("shop.item_seen")}}},
		&kgo.Record{Topic: topic, Key: []byte("ann"), Value: nil},
		&kgo.Record{Topic: topic, Value: []byte(`{"a": [1]}`)},
		&kgo.Record{Topic: topic, Key: []byte{0xff}, Value: []byte{0, 0, 0, 0, 9, 1}},
		&kgo.Record{Topic: topic, Value: []byte{1, 2}},
		&kgo.Record{Topic: processedTopic, Key: []byte("ann"), Value: avro(t, 8, outerAvro, map[string]any{"id": "e", "schema_id": 7, "data": item[5:]})},
	)
	abort(t, c, &kgo.Record{Topic: topic, Partition: 1, Value: []byte(`"never"`)})

	got := tailed(t, topic, "--from-start", "--timeout", "300ms")
	if len(got) != 5 {
		t.Fatalf("%d records: %+v", len(got), got)
	}
	key := "ann"
	want := decoded{
		Topic: topic, Key: &key, Timestamp: "2020-01-02T03:04:05.006Z",
		Headers: headerMap{"ce_type": "shop.item_seen"}, Value: []byte(`{"n":5,"note":"x"}`), Encoding: "avro", SchemaID: 7,
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Error(diff)
	}
	if string(got[1].Value) != "null" || got[1].Encoding != "" {
		t.Errorf("tombstone: %+v", got[1])
	}
	if string(got[2].Value) != `{"a":[1]}` || got[2].Encoding != "json" || got[2].Key != nil {
		t.Errorf("JSON: %+v", got[2])
	}
	if got[3].Encoding != "base64" || string(got[3].Value) != `"AAAAAAkB"` || !strings.Contains(got[3].Problem, "9") || got[3].KeyEncoding != "base64" {
		t.Errorf("unknown schema: %+v", got[3])
	}
	if got[4].Encoding != "base64" || got[4].Problem != "" {
		t.Errorf("bytes: %+v", got[4])
	}
	inner := tailed(t, processedTopic, "--from-start", "--limit", "1")
	if want := `{"data":{"n":5,"note":"x"},"id":"e","schema_id":7}`; string(inner[0].Value) != want {
		t.Errorf("got %s, want %s", inner[0].Value, want)
	}
	if got := tailed(t, topic, "--latest"); len(got) != 2 { // no key and the odd key; ann's last is a tombstone
		t.Errorf("latest: %+v", got)
	}
	if got := tailed(t, topic, "--timeout", "200ms"); len(got) != 0 {
		t.Errorf("from the end: %+v", got)
	}
	if out := mustCLI(t, "tail", topic, "--to-end", "--limit", "1"); !strings.HasPrefix(out, "2020-01-02T03:04:05.006Z "+topic+`/0@0 key=ann type=shop.item_seen {"n":5`) {
		t.Error(out)
	}
	if _, err := cli(t, "tail", "raw.shop.item_seen"); err == nil || !strings.Contains(err.Error(), topic) || strings.Contains(err.Error(), "  raw.shop.item_seen") {
		t.Errorf("an unknown topic: %v", err)
	}
}

// Defends that tail follows: a record written after it began is printed.
func TestTailFollows(t *testing.T) {
	c := smallKafka(t)
	schemaRegistry(t, nil)
	c.CreateTopic("t", 3, nil)
	go func() {
		time.Sleep(700 * time.Millisecond)
		c.Produce("t", `"late"`)
	}()
	if got := tailed(t, "t", "--limit", "1", "--timeout", "20s"); len(got) != 1 || string(got[0].Value) != `"late"` {
		t.Errorf("%+v", got)
	}
}
