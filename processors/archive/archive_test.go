package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/archive"
	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/kafkatest"
	"headwater.internal/platform/internal/schema"
	"headwater.internal/platform/schemas/browsing"
	"headwater.internal/platform/schemas/processed"
)

// day is when the events of these tests happened: not when they came.
var day = time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)

// fixture is a cluster with processed events, a registry and an archive on disk.
type fixture struct {
	t            *testing.T
	cluster      *kafkatest.Cluster
	login        kafka.Config // the archive's own
	client       *kgo.Client
	partitions   int32
	registry     *httptest.Server
	outer, inner *event.Schema
	dir          string
	want         []archive.Row
}

func newFixture(t *testing.T, partitions int32) *fixture {
	store, err := schema.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, cluster: kafkatest.Start(t, kafkatest.WithSASL("admin", "secret"), kafkatest.WithACLs()), registry: httptest.NewServer(store.Handler()), dir: t.TempDir(), partitions: partitions}
	t.Cleanup(f.registry.Close)
	f.cluster.CreateTopic(topic, partitions, nil)
	f.grant()
	f.client = f.cluster.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	f.outer = f.register(topic+"-value", processed.CustomerEventSchema)
	f.inner = f.register(browsing.PageViewedTopic+"-value", browsing.PageViewedSchema)
	return f
}

// grant makes the archive's principal with the rights that schemas/platform.tf and
// its module declare, and no others.
func (f *fixture) grant() {
	f.t.Helper()
	admin := f.cluster.Admin()
	user := kadm.UpsertSCRAM{User: group, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "hush"}
	if _, err := admin.AlterUserSCRAMs(f.t.Context(), nil, []kadm.UpsertSCRAM{user}); err != nil {
		f.t.Fatal(err)
	}
	rights := kadm.NewACLs().Allow("User:"+group).ResourcePatternType(kadm.ACLPatternLiteral).
		Operations(kadm.OpDescribe, kadm.OpRead).Groups(group).Topics(topic)
	if _, err := admin.CreateACLs(f.t.Context(), rights); err != nil {
		f.t.Fatal(err)
	}
	f.login = f.cluster.Config
	f.login.SASL.Username, f.login.SASL.Password = group, "hush"
}

func (f *fixture) register(subject, text string) *event.Schema {
	f.t.Helper()
	client, err := sr.NewClient(sr.URLs(f.registry.URL))
	if err != nil {
		f.t.Fatal(err)
	}
	made, err := client.CreateSchema(context.Background(), subject, sr.Schema{Schema: text})
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := event.CompileSchema(made.ID, text)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// produce writes n events, a quarter of an hour apart, and notes the rows that they
// must become.
func (f *fixture) produce(n int) {
	f.t.Helper()
	for range n {
		i := len(f.want)
		at := day.Add(time.Duration(i) * 15 * time.Minute)
		body, violations := f.inner.EncodeJSON(nil, fmt.Appendf(nil, `{"url":"https://example.com/%d"}`, i))
		if len(violations) > 0 {
			f.t.Fatal(violations)
		}
		data, err := f.inner.JSON(body)
		if err != nil {
			f.t.Fatal(err)
		}
		e := processed.CustomerEvent{
			ID: fmt.Sprint("e", i), Source: "test", Type: browsing.PageViewedType, Customer: "ada",
			Time: at, ReceivedTime: at.Add(time.Second), SchemaID: int32(f.inner.ID()), Data: body[5:],
		}
		value, err := f.outer.Encode(nil, &e)
		if err != nil {
			f.t.Fatal(err)
		}
		envelope := event.Envelope{ID: e.ID, Source: e.Source, Type: e.Type, Subject: "ada", Time: at, ReceivedTime: e.ReceivedTime}
		r := &kgo.Record{Topic: topic, Partition: int32(i) % f.partitions, Key: []byte("ada"), Value: value, Headers: envelope.Headers()}
		f.send(r)
		f.want = append(f.want, archive.Row{
			Type: e.Type, Source: e.Source, ID: e.ID, Customer: "ada", Subject: &e.Customer, Time: at.UnixMilli(),
			ReceivedTime: e.ReceivedTime.UnixMilli(), SchemaID: e.SchemaID, Data: string(data), Partition: r.Partition, Offset: r.Offset,
		})
	}
}

func (f *fixture) send(r *kgo.Record) {
	f.t.Helper()
	if err := f.client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
		f.t.Fatal(err)
	}
}

// archiver is one running archiver.
type running struct {
	stop context.CancelFunc
	done chan struct{}
	a    *archiver
}

func (f *fixture) start(interval time.Duration) *running {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a, err := newArchiver(ctx, settings{
		kafka: f.login, archive: "file://" + f.dir, interval: interval, drain: drainTimeout, registry: f.registry.URL,
		limits: limits{rows: 40, bytes: 1 << 20},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	r := &running{cancel, make(chan struct{}), a}
	go func() { a.work(ctx); close(r.done) }()
	f.t.Cleanup(cancel)
	return r
}

// drain ends the archiver as SIGTERM does.
func (r *running) drain(t *testing.T) {
	t.Helper()
	r.stop()
	<-r.done
	if err := r.a.drain(); err != nil {
		t.Error(err)
	}
	r.a.close()
}

// kill ends the archiver with what it has read in its hands.
func (r *running) kill() {
	r.stop()
	<-r.done
	r.a.close()
}

// rows reads the archive from front to back.
func (f *fixture) rows() []archive.Row {
	f.t.Helper()
	store, err := archive.Open(context.Background(), "file://"+f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	var list []archive.Row
	r := archive.NewReader(store)
	for file, err := range r.Files(context.Background(), day, day.Add(14*24*time.Hour)) {
		if err != nil {
			f.t.Fatal(err)
		}
		rows, err := r.Rows(context.Background(), file)
		if err != nil {
			f.t.Fatal(err)
		}
		list = append(list, rows...)
	}
	slices.SortFunc(list, func(a, b archive.Row) int { return cmp.Compare(a.Time, b.Time) })
	return list
}

func (f *fixture) await(n int) {
	f.t.Helper()
	for deadline := time.Now().Add(time.Minute); len(f.rows()) < n; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("the archive has %d of %d rows", len(f.rows()), n)
		}
	}
}

// Every event is in the archive once, through a task that joins, one that is killed
// with a batch in its hands, and one that drains; in the folder of the hour in which
// it happened.
func TestEachEventOnce(t *testing.T) {
	f := newFixture(t, 4)
	first := f.start(100 * time.Millisecond)
	f.produce(150)
	f.await(150)
	second := f.start(time.Hour) // holds what it reads until it is full
	f.produce(100)
	time.Sleep(300 * time.Millisecond)
	second.kill()
	f.produce(50)
	f.await(300)
	first.drain(t)
	third := f.start(time.Hour)
	f.produce(30)
	eventually(t, "the third reads", func() bool { third.a.mu.Lock(); defer third.a.mu.Unlock(); return held(third.a) == 30 })
	third.drain(t) // writes what it holds
	if diff := gocmp.Diff(f.want, f.rows()); diff != "" {
		t.Errorf("rows (-produced +archived):\n%s", diff)
	}
	folder := filepath.Join(f.dir, "events", "date=2026-03-02", "hour=01")
	if files, err := filepath.Glob(filepath.Join(folder, "*.parquet")); err != nil || len(files) == 0 {
		t.Errorf("no file in %s: %v", folder, err)
	}
}

func held(a *archiver) int {
	n := 0
	for _, b := range a.batches {
		n += len(b.rows)
	}
	return n
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// A record that cannot be read is kept as its bytes and counted; a registry that is
// gone is waited for.
func TestNothingIsLeftOut(t *testing.T) {
	f := newFixture(t, 1)
	poison := &kgo.Record{Topic: topic, Key: []byte("ada"), Value: []byte("poison"), Timestamp: day}
	f.send(poison)
	a := f.start(50 * time.Millisecond)
	f.await(1)
	if got := f.rows()[0]; string(got.Undecoded) != "poison" || got.Data != "" || got.Customer != "ada" {
		t.Errorf("poison became %+v", got)
	}
	address := f.registry.Listener.Addr().String()
	f.registry.CloseClientConnections()
	f.registry.Listener.Close()
	f.produceUnread(t)
	time.Sleep(600 * time.Millisecond)
	if n := len(f.rows()); n != 1 {
		t.Errorf("%d rows while the registry at %s is gone", n, address)
	}
	if err := f.waiting(a); err != nil {
		t.Error(err)
	}
	a.kill()
}

// produceUnread writes an event with a schema that nobody has asked for yet.
func (f *fixture) produceUnread(t *testing.T) {
	t.Helper()
	unread, err := event.CompileSchema(f.outer.ID()+100, processed.CustomerEventSchema)
	if err != nil {
		t.Fatal(err)
	}
	value, err := unread.Encode(nil, &processed.CustomerEvent{Time: day, ReceivedTime: day})
	if err != nil {
		t.Fatal(err)
	}
	f.send(&kgo.Record{Topic: topic, Key: []byte("ada"), Value: value, Timestamp: day})
}

func (f *fixture) waiting(a *running) error {
	a.a.mu.Lock()
	defer a.a.mu.Unlock()
	if b := a.a.batches[0]; b == nil || len(b.rows) > 0 {
		return fmt.Errorf("partition 0 went on: %+v", b)
	}
	return nil
}

// Settings that are missing or malformed are named, all at once.
func TestSettingsAreChecked(t *testing.T) {
	_, err := fromEnvironment(func(name string) string {
		return map[string]string{envInterval: "soon", envDrain: "-1s"}[name]
	})
	for _, word := range []string{envArchive, envProbes, envRegistry, envInterval, envDrain, "5m"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not name %s", err, word)
		}
	}
}
