package main

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafkatest"
	"headwater.internal/platform/processors/internal/probe"
	"headwater.internal/platform/processors/internal/slot"
)

// work is a processor as the publisher sees one: a group that commits what it reads
// of its input, and tasks that hold slots and report what they count.
type work struct {
	records atomic.Int64
	busy    time.Duration // per record
}

func (w *work) load() slot.Load {
	n := float64(w.records.Load()) / 2 // two tasks share it
	return slot.Load{Process: "p", Records: n, BusySeconds: n * w.busy.Seconds()}
}

// run feeds rate records a second to the group's only partition and commits them.
func (w *work) run(ctx context.Context, t *testing.T, client *kgo.Client, rate int) {
	admin := kadm.NewClient(client)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	var sent int64
	for begun := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		due := int64(time.Since(begun).Seconds() * float64(rate))
		for ; sent < due; sent++ {
			client.Produce(ctx, &kgo.Record{Topic: "raw.a", Value: []byte("x")}, nil)
		}
		if err := client.Flush(ctx); err != nil {
			return
		}
		offsets := kadm.Offsets{}
		offsets.AddOffset("raw.a", 0, sent, -1)
		if err := admin.CommitAllOffsets(ctx, "refine", offsets); err != nil && ctx.Err() == nil {
			t.Errorf("commit: %v", err)
		}
		w.records.Store(sent)
	}
}

// login makes the publisher's principal, which may describe and nothing else.
func login(t *testing.T, cluster *kafkatest.Cluster) {
	t.Helper()
	admin := cluster.Admin()
	user := kadm.UpsertSCRAM{User: "capacity", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "hush"}
	if _, err := admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{user}); err != nil {
		t.Fatal(err)
	}
	acls := kadm.NewACLs().Allow("User:capacity").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpDescribe).
		Groups("refine", "refine.slots", "sessionize", "sessionize.slots").Topics("raw.a", "state.refine")
	if _, err := admin.CreateACLs(t.Context(), acls); err != nil {
		t.Fatal(err)
	}
}

// From the brokers, over what tasks report beside their slots, and ECS to
// CloudWatch, as the program is started, as a principal that may only describe: the
// ratio is that of the load. Each source that is away is said in a line, and the
// others go on.
func TestFromBrokersToCloudWatch(t *testing.T) {
	aws := startAWS(t)
	cluster := kafkatest.Start(t, kafkatest.WithGroupSessions(), kafkatest.WithSASL("admin", "secret"), kafkatest.WithACLs())
	cluster.CreateTopic("raw.a", 1, nil)
	cluster.CreateTopic("state.refine", 4, nil)
	login(t, cluster)

	// 200 records a second of 7 ms: 1.4 tasks are busy, of which 78% is 1.79 tasks.
	const rate = 200
	w := &work{busy: 7 * time.Millisecond}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for range 2 {
		l, err := slot.Take(ctx, cluster.Config, slot.Wish{
			Processor: "refine", Slots: 4, Topic: "state.refine", Load: w.load, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release(context.Background())
	}
	go w.run(ctx, t, cluster.Client(), rate)

	said := &lines{}
	aws.want("refine-service", 4) // two run, two start
	cfg := cluster.Config
	cfg.SASL.Username, cfg.SASL.Password = "capacity", "hush"
	s := settings{
		kafka: cfg, environment: "staging", namespace: "Headwater", cluster: "stage", interval: 3 * time.Second, drain: time.Second, probes: freeAddress(t),
		processors: map[string]processor{"refine": {Service: "refine-service"}, "sessionize": {Service: "absent"}},
	}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, s, slog.New(slog.NewTextHandler(said, nil))) }()

	latest := map[string]float64{}
	settled := func() bool {
		for _, d := range aws.take() {
			latest[d.Name+" "+d.Dimensions+" "+d.Unit] = d.Value
		}
		ratio := latest["CapacityRatio Environment=staging,Processor=refine None"]
		busy := latest["Utilization Environment=staging,Processor=refine Percent"]
		return ratio >= 42 && ratio <= 47 && busy > 60 && busy < 80 // 1.79/4 is 0.449, 1.4/2 is 0.7
	}
	for end := time.Now().Add(time.Minute); !settled(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("last published: %v; said %q", latest, said.take())
		}
	}
	// Of a processor without a service there is all but the ratio.
	want := []string{
		"CapacityRatio Environment=staging,Processor=refine None", "Heartbeat Environment=staging Count",
		"TimeLag Environment=staging,Processor=refine Seconds", "TimeLag Environment=staging,Processor=sessionize Seconds",
		"Utilization Environment=staging,Processor=refine Percent",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(latest))); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	if got := strings.Join(said.take(), "\n"); strings.Count(got, "\n") > 0 || !strings.Contains(got, "service absent in cluster stage: MISSING") {
		t.Errorf("said:\n%s", got)
	}
	if code, _ := probe.Asked([]string{"--probe=/readyz"}, func(string) string { return s.probes }); code != 0 {
		t.Error("it is not ready")
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it did not end")
	}
}

// Without brokers the publisher lives, says so once, and still beats.
func TestBrokersThatAreAway(t *testing.T) {
	aws := startAWS(t)
	cluster := kafkatest.Start(t)
	cfg := cluster.Config
	cluster.Stop()
	said := &lines{}
	s := settings{kafka: cfg, environment: "staging", namespace: "Headwater", interval: time.Second, drain: time.Second, probes: freeAddress(t), processors: map[string]processor{"refine": {}}}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	if err := run(ctx, s, slog.New(slog.NewTextHandler(said, nil))); err != nil {
		t.Error(err)
	}
	got := said.take()
	if len(got) != 1 || !strings.Contains(got[0], "inputs of refine") {
		t.Errorf("said %q", got)
	}
	beats := 0
	for _, d := range aws.take() {
		if d.Name != "Heartbeat" {
			t.Errorf("published %+v", d)
		}
		beats++
	}
	if beats < 2 {
		t.Errorf("%d heartbeats", beats)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
