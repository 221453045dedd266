package stream

import (
	"context"
	"encoding/binary"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafkatest"
)

// tallySchema is the output of the rule that these tests run.
const tallySchema = `{"type":"record","name":"Tally","namespace":"test","fields":[
	{"name":"key","type":"string"},{"name":"count","type":"long"},{"name":"sum","type":"long"}]}`

type tally struct {
	Key   string `avro:"key"`
	Count int64  `avro:"count"`
	Sum   int64  `avro:"sum"`
}

var tallySpec = Spec{
	Name:  "tally",
	Reads: []Source{{Topic: `^raw\.`}},
	Writes: []Sink{
		{Topic: "tallies", Schema: tallySchema, SamePartition: true},
		{Topic: "copies", Schema: tallySchema, SamePartition: true, KeepsReceipt: true},
	},
	State: State{Topic: "state.tally", Version: 1},
}

// tallyRule counts and sums per key. It is as sensitive as can be to a record
// that is lost, doubled, or met by state that is behind: its copies carry the
// running count.
type tallyRule struct {
	mu      sync.Mutex
	onApply func(in *Input)
}

func (r *tallyRule) Apply(tx *Tx, in *Input) Verdict {
	r.mu.Lock()
	hook := r.onApply
	r.mu.Unlock()
	if hook != nil {
		hook(in)
	}
	if len(in.Value) != 8 {
		if string(in.Value) == "panic" {
			tx.Put([]byte("rubbish"), in.Value)
			tx.Upsert("tallies", in.Key, nil)
			panic("told to")
		}
		return DeadLetter(BadPayload, "%d bytes are no number", len(in.Value))
	}
	n := int64(binary.BigEndian.Uint64(in.Value))
	t := parseTally(string(in.Key), tx.Get(in.Key))
	t.Count++
	t.Sum += n
	tx.Put(in.Key, t.encode())
	tx.Upsert("tallies", in.Key, &t)
	if err := tx.Append("copies", in.Key, &tally{t.Key, t.Count, n}, nil); err != nil {
		return DeadLetter(RuleError, "%v", err)
	}
	return Applied
}

func parseTally(key string, b []byte) tally {
	t := tally{Key: key}
	if b != nil {
		t.Count, t.Sum = int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))
	}
	return t
}

func (t tally) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(t.Count)), uint64(t.Sum))
}

// platform is a throwaway cluster and registry with the topics of tallySpec.
type platform struct {
	tb         testing.TB
	cluster    *kafkatest.Cluster
	registry   *srfake.Registry
	client     *kgo.Client
	dir        string
	partitions int
	protocol   protocol
	disk       vfs.FS // under the tasks' state; nil for the machine's
	standbys   int
	filled     int
	hosts      bool // each task has a disk of its own
}

func startPlatform(tb testing.TB, spec Spec, partitions int, inputs ...string) *platform {
	tb.Helper()
	p := &platform{tb: tb, cluster: kafkatest.Start(tb, kafkatest.WithBrokers(3), kafkatest.WithGroupSessions()), registry: srfake.New(), dir: tb.TempDir(), partitions: partitions}
	tb.Cleanup(p.registry.Close)
	var err error
	if p.client, err = p.cluster.Config.Client(kgo.RecordPartitioner(partitioner{kgo.StickyKeyPartitioner(nil)}), kgo.MetadataMinAge(50*time.Millisecond), kgo.UnknownTopicRetries(-1)); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.client.Close)
	for _, w := range spec.Writes {
		inputs = append(inputs, w.Topic)
		if _, _, err := p.registry.RegisterSchema(w.Topic+"-value", sr.Schema{Schema: w.Schema}); err != nil {
			tb.Fatal(err)
		}
	}
	p.create(append(inputs, DeadLetterTopic, LedgerTopic, spec.State.Topic)...)
	return p
}

func (p *platform) create(topics ...string) {
	p.tb.Helper()
	resp, err := kadm.NewClient(p.client).CreateTopics(p.tb.Context(), int32(p.partitions), 1, nil, topics...)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		p.tb.Fatalf("create topics: %v", err)
	}
}

func (p *platform) produce(records ...*kgo.Record) {
	p.tb.Helper()
	if err := p.client.ProduceSync(p.tb.Context(), records...).FirstErr(); err != nil {
		p.tb.Fatalf("produce: %v", err)
	}
}

func number(topic, key string, n int) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: -1, Key: []byte(key), Value: binary.BigEndian.AppendUint64(nil, uint64(n))}
}

// running is a task that a test has started.
type running struct {
	t    *task
	done chan error
	stop context.CancelFunc
}

// start runs a task until the test ends or stops it. adjust may set its faults.
func (p *platform) start(spec Spec, rule Rule, number int, adjust func(*task)) *running {
	p.tb.Helper()
	ctx, cancel := context.WithCancel(p.tb.Context())
	limits := DefaultLimits()
	limits.fix(10 * time.Millisecond)
	limits.SessionTimeout = 6 * time.Second
	// Longer than any test waits: who waits for it to run out is seen to fail,
	// and a busy machine is not taken for that.
	limits.TransactionTimeout = time.Minute
	log := slog.New(slog.NewTextHandler(testWriter{p.tb}, nil)).With("task", number)
	lookups, err := newLookups(ctx, p.registry.URL(), nil)
	if err != nil {
		p.tb.Fatal(err)
	}
	ids, err := lookups.outputIDs(ctx, spec)
	if err != nil {
		p.tb.Fatal(err)
	}
	c, err := newCodecs(spec, ids)
	if err != nil {
		p.tb.Fatal(err)
	}
	deps := dependencies{lookups: lookups, codecs: c, metrics: newMetrics(spec.Name), patience: newPatience(0), log: log}
	env := environment{task: strconv.Itoa(number), stateDir: filepath.Join(p.dir, spec.Name), limits: limits, protocol: p.protocol, standbys: p.standbys, disk: p.disk}
	if p.hosts {
		env.stateDir = filepath.Join(p.dir, spec.Name, "host-"+env.task)
	}
	t, err := newTask(ctx, p.cluster.Config, spec, rule, limits, env, deps)
	if err != nil {
		p.tb.Fatal(err)
	}
	if adjust != nil {
		adjust(t)
	}
	r := &running{t: t, done: make(chan error, 1), stop: cancel}
	go func() { r.done <- t.run(ctx) }()
	p.tb.Cleanup(func() {
		cancel()
		select {
		case <-r.done:
		case <-time.After(time.Minute):
			p.tb.Error("the task did not stop")
		}
		close(r.done)
	})
	return r
}

// drain stops the task as SIGTERM does.
func (r *running) drain(tb testing.TB) {
	tb.Helper()
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			tb.Fatalf("drain: %v", err)
		}
	case <-time.After(time.Minute):
		tb.Fatal("the task did not drain")
	}
	r.done <- nil
}

// read reads a topic, committed records only, until enough says so. It fails the
// test after a while.
func (p *platform) read(topic string, enough func([]*kgo.Record) bool) []*kgo.Record {
	p.tb.Helper()
	client, err := p.cluster.Config.Client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.MaxDecompressBatchBytes(maxDecompressBytes))
	if err != nil {
		p.tb.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(p.tb.Context(), 40*time.Second)
	defer cancel()
	var list []*kgo.Record
	for !enough(list) {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			p.tb.Fatalf("read %s: only %d records came", topic, len(list))
		}
		list = append(list, fetches.Records()...)
	}
	return list
}

func (p *platform) tally(r *kgo.Record, topic string) tally {
	p.tb.Helper()
	var t tally
	schema, err := event.CompileSchema(0, tallySchema)
	if err != nil {
		p.tb.Fatal(err)
	}
	body, err := event.Body(r.Value)
	if err == nil {
		err = schema.DecodeBody(body, &t)
	}
	if err != nil {
		p.tb.Fatalf("decode %s: %v", topic, err)
	}
	return t
}

// checkCopies holds the copies against what was sent: per key each running count
// once and in order, and the sums that belong to them.
func (p *platform) checkCopies(sent map[string]int) {
	p.tb.Helper()
	total := 0
	for _, n := range sent {
		total += n
	}
	copies := p.read("copies", func(list []*kgo.Record) bool { return len(list) >= total })
	last := make(map[string]int64)
	for _, r := range copies {
		t := p.tally(r, "copies")
		if t.Count != last[t.Key]+1 {
			p.tb.Errorf("copy of %s has count %d after %d", t.Key, t.Count, last[t.Key])
		}
		last[t.Key] = t.Count
	}
	for key, n := range sent {
		if last[key] != int64(n) {
			p.tb.Errorf("%s was counted %d times, want %d", key, last[key], n)
		}
	}
}

type testWriter struct{ tb testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	if w.tb.Context().Err() == nil {
		w.tb.Logf("%s", b)
	}
	return len(b), nil
}

func counterValue(tb testing.TB, c prometheus.Counter) float64 {
	tb.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		tb.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// leave has the group forget a task's member.
func leave(tb testing.TB, p *platform, r *running) {
	tb.Helper()
	name := r.t.spec.Name
	resp, err := kadm.NewClient(p.client).LeaveGroup(tb.Context(), kadm.LeaveGroup(name).InstanceIDs(instanceID(name, r.t.number)))
	if err != nil || !resp.Ok() {
		tb.Fatalf("leave the group: %v, %v", err, resp)
	}
}
