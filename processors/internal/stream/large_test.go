package stream

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// large is a record that no codec makes smaller.
func large(size int) *kgo.Record {
	value := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(value) // never fails, by its contract
	return &kgo.Record{Topic: "raw.a", Key: []byte("large"), Value: value}
}

// takes has the topic take records of up to that size.
func (p *platform) takes(topic, size string) {
	p.tb.Helper()
	resp, err := kadm.NewClient(p.client).AlterTopicConfigs(p.tb.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &size}}, topic)
	if err == nil {
		_, err = resp.On(topic, nil)
	}
	if err != nil {
		p.tb.Fatal(err)
	}
}

// produceLarge writes a record past the limits of an ordinary client.
func (p *platform) produceLarge(r *kgo.Record) {
	p.tb.Helper()
	client, err := p.cluster.Config.Client(kgo.ProducerBatchMaxBytes(maxDecompressBytes), kgo.MaxBufferedBytes(2*maxDecompressBytes),
		kgo.BrokerMaxWriteBytes(2*maxDecompressBytes), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		p.tb.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(p.tb.Context(), r).FirstErr(); err != nil {
		p.tb.Fatal(err)
	}
}

// Defends against a record of 10 MiB: it becomes a dead letter as it came, what is
// behind it goes on, and no task ends over it. Where dead-letters takes none so
// large, the task waits for an operator who raises its limit, and skips nothing.
func TestRecordOfTenMebibytes(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 1, "raw.a")
	p.takes("raw.a", "20000000")
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	sent := large(10 << 20)
	p.produceLarge(sent)
	p.produce(number("raw.a", "behind", 1))
	eventually(t, "a dead letter is refused", func() bool {
		return counterValue(t, r.t.metrics.aborts.WithLabelValues("refused")) > 0
	})
	p.takes(DeadLetterTopic, "17825792")
	p.checkCopies(map[string]int{"behind": 1})
	dead := p.read(DeadLetterTopic, func(l []*kgo.Record) bool { return len(l) >= 1 })
	if len(dead) != 1 || !bytes.Equal(dead[0].Value, sent.Value) || headerOf(dead[0], headerClass) != string(BadPayload) {
		t.Errorf("%d dead letters, the first of class %s with %d bytes", len(dead), headerOf(dead[0], headerClass), len(dead[0].Value))
	}
	select {
	case err := <-r.done:
		t.Errorf("the task ended with %v", err)
		r.done <- nil
	case <-time.After(time.Second):
	}
}

// Defends dead-letters from what it cannot take at all: a record that is small on
// the wire and too large beside its reason is a dead letter without its value.
func TestDeadLetterThatIsTooLargeLosesItsValue(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 1, "raw.a")
	p.takes("raw.a", "60000000")
	p.takes(DeadLetterTopic, "17825792")
	p.start(tallySpec, &tallyRule{}, 0, nil)
	value, head := large(20<<20), large(8)
	head.Key, head.Value, head.Headers = []byte("headers"), []byte("bad"), []kgo.RecordHeader{{Key: "h", Value: value.Value}}
	p.produceLarge(value)
	p.produceLarge(head)
	p.produce(number("raw.a", "behind", 1))
	p.checkCopies(map[string]int{"behind": 1})
	dead := p.read(DeadLetterTopic, func(l []*kgo.Record) bool { return len(l) >= 2 })
	for i, want := range []struct{ key, offset, reason string }{
		{"large", "0", "value of 20971520 bytes is left out"}, {"", "1", "its key and headers too"},
	} {
		have := dead[i]
		if string(have.Key) != want.key || headerOf(have, headerOffset) != want.offset || !strings.Contains(headerOf(have, headerReason), want.reason) || len(have.Value) > 0 {
			t.Errorf("dead letter of %q at %s with %d bytes: %s", have.Key, headerOf(have, headerOffset), len(have.Value), headerOf(have, headerReason))
		}
	}
}
