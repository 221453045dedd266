package stream

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// Defends memory against a batch that is small on the wire and large in memory:
// the partition stops with an alert, the others go on, and nothing is skipped.
func TestFailureMode23DecompressionBomb(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a")
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	bomber, err := p.cluster.Config.Client(kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerBatchMaxBytes(maxDecompressBytes*2),
		kgo.MaxBufferedBytes(maxDecompressBytes*3), kgo.BrokerMaxWriteBytes(maxDecompressBytes*3), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer bomber.Close()
	bomb := &kgo.Record{Topic: "raw.a", Value: bytes.Repeat([]byte("0"), maxDecompressBytes+1)}
	if err := bomber.ProduceSync(t.Context(), bomb).FirstErr(); err != nil {
		t.Fatal(err)
	}
	p.produce(onPartition(number("raw.a", "behind", 1), 0), onPartition(number("raw.a", "beside", 1), 1))
	eventually(t, "the partition is stopped", func() bool {
		return value(t, r, "headwater_stream_stopped", "reason", stoppedUnreadable, "topic", "raw.a", "partition", "0") == 1
	})
	p.checkCopies(map[string]int{"beside": 1})
}

// Defends the start: a transaction timeout that the brokers do not allow is named
// at once, not met in the middle of the work.
func TestFailureMode30TransactionTimeoutTooLong(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 1, "raw.a")
	most := "1000"
	if _, err := kadm.NewClient(p.client).AlterBrokerConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "transaction.max.timeout.ms", Value: &most}}); err != nil {
		t.Fatal(err)
	}
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	select {
	case err := <-r.done:
		if err == nil || !strings.Contains(err.Error(), "INVALID_TRANSACTION_TIMEOUT") {
			t.Errorf("the task ended with %v", err)
		}
		var fatal *fatalError
		if !errors.As(err, &fatal) {
			t.Errorf("%v would be tried again for ever", err)
		}
		r.done <- nil
	case <-time.After(15 * time.Second):
		t.Error("the task did not stop")
	}
}

// Defends an input that is made anew under the same name while the task runs: its
// records are read from the first on by the task that starts anew over it, and
// state goes on from where it was.
func TestFailureMode32TopicMadeAnew(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 2, "raw.a", "raw.b")
	r := p.start(tallySpec, &tallyRule{}, 0, nil)
	sent := p.produceKeys("raw.a", 100)
	add(sent, p.produceKeys("raw.b", 100))
	p.checkCopies(sent)
	if err := p.cluster.Fake().DeleteTopic("raw.b"); err != nil {
		t.Fatal(err)
	}
	p.create("raw.b")
	var err error
	p.client.Close() // it knows the former topic by its id
	if p.client, err = p.cluster.Config.Client(kgo.RecordPartitioner(partitioner{kgo.StickyKeyPartitioner(nil)})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.client.Close)
	add(sent, p.produceKeys("raw.a", 50))
	add(sent, p.produceKeys("raw.b", 50))
	select {
	case err := <-r.done:
		if err == nil || !strings.Contains(err.Error(), "read input raw.b: it was deleted") {
			t.Errorf("the task ended with %v", err)
		}
		r.done <- nil
	case <-time.After(30 * time.Second):
		t.Fatal("the task did not hear of it")
	}
	p.start(tallySpec, &tallyRule{}, 0, nil)
	p.checkCopies(sent)
}

// Defends memory and time against Avro that lies about its lengths: each is
// refused without the memory that it asks for.
//
//nolint:paralleltest // it counts what the process allocates
func TestFailureMode22HostileAvro(t *testing.T) {
	const huge = "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" // the largest long
	const field = `{"type":"record","name":"R","fields":[{"name":"f","type":%s}]}`
	for name, hostile := range map[string]struct{ kind, body string }{
		"string":          {`"string"`, huge},
		"bytes":           {`"bytes"`, huge + "x"},
		"array":           {`{"type":"array","items":"long"}`, huge + "\x02\x02"},
		"array of nulls":  {`{"type":"array","items":"null"}`, huge},
		"negative blocks": {`{"type":"array","items":"null"}`, "\x01" + huge},
		"map":             {`{"type":"map","values":"null"}`, huge},
		"negative length": {`"string"`, "\x03"},
		"endless number":  {`"long"`, strings.Repeat("\xff", 11)},
		"deep union":      {`["null",{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]}]`, strings.Repeat("\x02", 1<<20)},
	} {
		schema, err := event.CompileSchema(1, fmt.Sprintf(field, hostile.kind))
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var into any
		err = schema.DecodeBody([]byte(hostile.body), &into)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: %d hostile bytes are taken", name, len(hostile.body))
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%s: %d bytes made it ask for %d", name, len(hostile.body), took)
		}
	}
}
