package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// letter is a dead letter as the runtime writes it.
func letter(class, topic string, partition int, e event.Envelope, value []byte) *kgo.Record {
	headers := e.Headers()
	for _, h := range [][2]string{
		{"dl_class", class},
		{"dl_stage", "refine"},
		{"dl_reason", "because"},
		{"dl_topic", topic},
		{"dl_partition", strconv.Itoa(partition)},
		{"dl_offset", "4"},
	} {
		headers = append(headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return &kgo.Record{Topic: deadLetterTopic, Key: []byte(e.Customer()), Value: value, Headers: headers}
}

// Defends a slip in --class from looking like a platform without dead letters:
// the classes are the runtime's, and no other is taken.
func TestDeadLetterClassesAreTheRuntimes(t *testing.T) {
	rule, err := os.ReadFile("../../processors/internal/stream/rule.go")
	if err != nil {
		t.Fatal(err)
	}
	var classes []string
	help := (&deadLettersCommand{}).Help()
	for _, m := range regexp.MustCompile(`Class = "(\w+)"`).FindAllStringSubmatch(string(rule), -1) {
		classes = append(classes, m[1])
		if !strings.Contains(help, "\n  "+m[1]+" ") {
			t.Errorf("dead-letters --help does not explain %s", m[1])
		}
	}
	if got := strings.Join(classes, ","); got != letterClasses {
		t.Errorf("the runtime has %s, --class takes %s", got, letterClasses)
	}
	for _, args := range [][]string{{"list"}, {"resend", "--all"}} {
		_, err := cli(t, append(append([]string{"dead-letters"}, args...), "--class", "bad_envelop")...)
		if err == nil || !strings.Contains(err.Error(), `--class must be one of "bad_envelope"`) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// Defends the way back from dead-letters: original bytes under the original id to
// where they came from, or mended through the collector, and nothing to topics
// whose other readers would see it twice.
func TestDeadLetters(t *testing.T) {
	c := smallKafka(t)
	schemaRegistry(t, map[int]string{7: itemAvro})
	const topic = "raw.shop.item-seen"
	c.CreateTopic(deadLetterTopic, 1, nil)
	c.CreateTopic(topic, 3, nil)
	c.CreateTopic(processedTopic, 1, nil)
	e := event.Envelope{ID: "e1", Source: "shop", Type: "shop.item_seen", Subject: "ann", Time: time.Unix(1_500_000_000, 0).UTC()}
	bad := []byte{0, 0, 0, 0, 9, 1, 2}
	produce(
		t, c,
		letter("unknown_schema", topic, 2, e, bad),
		letter("bad_payload", topic, 1, e, avro(t, 7, itemAvro, map[string]any{"n": int64(5)})),
		letter("rule_error", processedTopic, 0, e, bad),
	)

	t.Run("list", func(t *testing.T) {
		var list struct {
			Classes map[string]int `json:"classes"`
			Letters []deadLetter   `json:"dead_letters"`
		}
		if err := json.Unmarshal([]byte(mustCLI(t, "dead-letters", "list", "--json", "--topic", topic)), &list); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"unknown_schema": 1, "bad_payload": 1}, list.Classes); diff != "" {
			t.Error(diff)
		}
		first := list.Letters[0]
		if first.Position != "0/0" || first.Partition != 2 || first.Offset != 4 || first.ID != "e1" || first.Reason != "because" {
			t.Errorf("%+v", first)
		}
		if out := mustCLI(t, "dead-letters", "list", "--limit", "1"); !strings.Contains(out, "1 of 3 shown: 1 bad_payload, 1 rule_error, 1 unknown_schema") {
			t.Error(out)
		}
		if out := mustCLI(t, "dead-letters", "list", "--class", "skipped"); !strings.Contains(out, "no dead letters") {
			t.Error(out)
		}
	})
	t.Run("show", func(t *testing.T) {
		out := mustCLI(t, "dead-letters", "show", "0/0")
		for _, part := range []string{"unknown_schema", "partition 2, offset 4", "ce_id", "00 00 00 00 09 01 02"} {
			if !strings.Contains(out, part) {
				t.Errorf("no %q in\n%s", part, out)
			}
		}
		if out := mustCLI(t, "dead-letters", "show", "0/1"); !strings.Contains(out, `"n": 5`) {
			t.Error(out)
		}
		if _, err := cli(t, "dead-letters", "show", "0/99"); err == nil || !strings.Contains(err.Error(), "no dead letter at 0/99") {
			t.Error(err)
		}
		if _, err := cli(t, "dead-letters", "show", "17"); err == nil || !strings.Contains(err.Error(), "PARTITION/OFFSET") {
			t.Error(err)
		}
	})
	t.Run("resend", func(t *testing.T) {
		mustCLI(t, "dead-letters", "resend", "--all", "--topic", topic, "--dry-run")
		if got := tailed(t, topic, "--to-end"); len(got) != 0 {
			t.Fatalf("a dry run sent %+v", got)
		}
		if out := mustCLI(t, "dead-letters", "resend", "--all", "--class", "skipped"); out != "no dead letters\n" {
			t.Error(out)
		}
		out, err := cli(t, "dead-letters", "resend", "--all")
		if err == nil || !strings.Contains(out, "--any-topic") {
			t.Errorf("a processed record was sent again: %v\n%s", err, out)
		}
		mustCLI(t, "dead-letters", "resend", "0/0")
		got := tailed(t, topic, "--to-end")
		if len(got) != 3 {
			t.Fatalf("%+v", got)
		}
		for _, r := range got {
			parsed, err := event.ParseHeaders(headersOf(r))
			if diff := cmp.Diff(e, parsed); err != nil || diff != "" || r.Headers["dl_class"] != "" {
				t.Errorf("%v %s %+v", err, diff, r)
			}
			if at, err := time.Parse(time.RFC3339Nano, r.Timestamp); err != nil || time.Since(at) > time.Hour {
				t.Errorf("the record's time is %s", r.Timestamp)
			}
			if (r.Partition == 2) != (r.Encoding == "base64") || r.Partition == 0 {
				t.Errorf("another partition or other bytes than before: %+v", r)
			}
		}
	})
	t.Run("mend", func(t *testing.T) {
		collector := startCollector(t, &fakeCollector{})
		mustCLI(t, "dead-letters", "resend", "0/0", "--data", `{"n": 6}`)
		want := received{ID: "e1", Source: "shop", Type: "shop.item_seen", Subject: "ann", Time: "2017-07-14T02:40:00Z", Data: []byte(`{"n":6}`)}
		if diff := cmp.Diff(want, collector.stored["shop e1"]); diff != "" {
			t.Error(diff)
		}
	})
}

func headersOf(r decoded) []kgo.RecordHeader {
	var out []kgo.RecordHeader
	for key, value := range r.Headers {
		out = append(out, kgo.RecordHeader{Key: key, Value: []byte(value)})
	}
	return out
}
