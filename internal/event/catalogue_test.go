package event_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafkatest"
)

func follow(t *testing.T, cluster *kafkatest.Cluster) *event.Catalogue {
	t.Helper()
	c, err := event.NewCatalogue(cluster.Config, "", kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func runUntilEnd(t *testing.T, c *event.Catalogue) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func caughtUp(t *testing.T, c *event.Catalogue) {
	t.Helper()
	select {
	case <-c.CaughtUp():
	case <-time.After(10 * time.Second):
		t.Fatal("not caught up after 10 s")
	}
}

func write(t *testing.T, cluster *kafkatest.Cluster, key string, value any) {
	t.Helper()
	record := &kgo.Record{Topic: event.CatalogueTopic, Key: []byte(key)}
	switch v := value.(type) {
	case nil:
	case string:
		record.Value = []byte(v)
	default:
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		record.Value = text
	}
	if err := cluster.Client().ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func entry(eventType, topic, call string) event.Entry {
	return event.Entry{Version: 1, Type: eventType, Tier: "raw", Topic: topic, SegmentCall: call}
}

// Defends start and change: all entries are there when the follower has caught
// up, later ones are seen, a tombstone removes, and what cannot be read leaves
// the entry before it.
func TestCatalogueFollows(t *testing.T) {
	cluster := kafkatest.Start(t)
	cluster.CreateTopic(event.CatalogueTopic, 2, nil)
	for i := range 20 {
		write(t, cluster, fmt.Sprintf("d.e%d", i), entry(fmt.Sprintf("d.e%d", i), fmt.Sprintf("raw.d.e%d", i), ""))
	}
	write(t, cluster, "d.page", entry("d.page", "raw.d.page", "page"))
	c := follow(t, cluster)
	var changes atomic.Int32
	c.OnChange(func(event.View) { changes.Add(1) })
	runUntilEnd(t, c)
	caughtUp(t, c)
	view := c.View()
	if len(view.Entries()) != 21 || changes.Load() == 0 {
		t.Fatalf("%d entries, %d changes", len(view.Entries()), changes.Load())
	}
	if e, ok := view.Topic("raw.d.e7"); !ok || e.Type != "d.e7" {
		t.Errorf("by topic: %+v", e)
	}
	if e, ok := view.SegmentCall("page"); !ok || e.Type != "d.page" {
		t.Errorf("by call: %+v", e)
	}
	write(t, cluster, "d.e7", "not json")
	write(t, cluster, "d.e7", entry("d.other", "raw.d.e7", ""))
	write(t, cluster, "d.e7", event.Entry{Version: 99, Type: "d.e7", Topic: "raw.new"})
	write(t, cluster, "d.e8", nil)
	eventually(t, func() bool { _, ok := c.View().Type("d.e8"); return !ok })
	write(t, cluster, "d.e7b", entry("d.e7b", "raw.d.e7b", ""))
	eventually(t, func() bool { _, ok := c.View().Type("d.e7b"); return ok })
	if e, _ := c.View().Type("d.e7"); e.Topic != "raw.d.e7" {
		t.Errorf("a bad record replaced the entry: %+v", e)
	}
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not so after 5 s")
		}
	}
}

// Defends the first start: a follower may be there before the topic, and an
// empty topic is caught up with.
func TestCatalogueWaitsForItsTopic(t *testing.T) {
	cluster := kafkatest.Start(t)
	c := follow(t, cluster)
	runUntilEnd(t, c)
	select {
	case <-c.CaughtUp():
		t.Fatal("caught up with a topic that does not exist")
	case <-time.After(300 * time.Millisecond):
	}
	cluster.CreateTopic(event.CatalogueTopic, 1, nil)
	caughtUp(t, c)
	write(t, cluster, "d.e", entry("d.e", "raw.d.e", ""))
	eventually(t, func() bool { _, ok := c.View().Type("d.e"); return ok })
}

const avsc = `{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`

// Defends processors from a slow or broken registry: one request an id, and
// errors that tell "ask again" from "there is none".
func TestRegistry(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		time.Sleep(20 * time.Millisecond)
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		switch r.URL.Path {
		case "/schemas/ids/1":
			_ = json.MarshalWrite(w, map[string]string{"schema": avsc})
		case "/schemas/ids/2":
			w.WriteHeader(http.StatusInternalServerError)
		case "/schemas/ids/3":
			_ = json.MarshalWrite(w, map[string]string{"schema": "{}", "schemaType": "JSON"})
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error_code":40403,"message":"Schema not found"}`))
		}
	}))
	defer server.Close()
	r, err := event.NewRegistry(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if s, err := r.Schema(t.Context(), 1); err != nil || s.ID() != 1 {
				t.Errorf("schema 1: %v", err)
			}
		})
	}
	group.Wait()
	if requests.Load() != 1 {
		t.Errorf("%d requests for one id", requests.Load())
	}
	var unknown *event.UnknownSchemaError
	var unreachable *event.RegistryError
	for range 2 {
		if _, err := r.Schema(t.Context(), 9); !errors.As(err, &unknown) || unknown.ID != 9 {
			t.Errorf("unknown id: %v", err)
		}
	}
	if requests.Load() != 2 {
		t.Errorf("a denial just heard was asked for again")
	}
	if _, err := r.Schema(t.Context(), 2); !errors.As(err, &unreachable) {
		t.Errorf("failing registry: %v", err)
	}
	if _, err := r.Schema(t.Context(), 3); err == nil || errors.As(err, new(*event.RegistryError)) {
		t.Errorf("a JSON schema: %v", err)
	}
	hurried, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Schema(hurried, 4); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that left: %v", err)
	}
}

// Defends the same from a registry that is not there.
func TestRegistryUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	listener.Close()
	r, err := event.NewRegistry(url)
	if err != nil {
		t.Fatal(err)
	}
	var unreachable *event.RegistryError
	if _, err := r.Schema(t.Context(), 1); !errors.As(err, &unreachable) || unreachable.URL != url {
		t.Errorf("%v", err)
	}
	if _, err := event.NewRegistry(" "); err == nil {
		t.Error("an empty address was accepted")
	}
}
