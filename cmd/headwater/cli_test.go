package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/kafkatest"
)

// cli runs the command line as a user would and returns what it prints.
func cli(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	printed, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer printed.Close()
	before := os.Stdout
	os.Stdout = printed
	err = run(ctx, args)
	os.Stdout = before
	text, readErr := os.ReadFile(printed.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(text), err
}

func mustCLI(t *testing.T, args ...string) string {
	t.Helper()
	out, err := cli(t, args...)
	if err != nil {
		t.Fatalf("headwater %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	return writeInto(t, t.TempDir(), name, text)
}

func writeInto(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// smallKafka starts a small Kafka that the commands find by the environment.
func smallKafka(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	c := kafkatest.Start(t, kafkatest.WithBrokers(1))
	t.Setenv(kafka.EnvBootstrapServers, strings.Join(c.Config.BootstrapServers, ","))
	return c
}

// schemaRegistry serves schemas by id, and only that.
func schemaRegistry(t *testing.T, schemas map[int]string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var id int
		_, _ = fmt.Sscanf(r.URL.Path, "/schemas/ids/%d", &id)
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		text, ok := schemas[id]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error_code":40403,"message":"Schema not found"}`)
			return
		}
		_ = json.MarshalWrite(w, map[string]string{"schema": text})
	}))
	t.Cleanup(server.Close)
	t.Setenv(envRegistry, server.URL)
}

// fakeCollector stores events like the collector and counts them like refine,
// and fails as fate says. The number of the request decides.
type fakeCollector struct {
	t      *testing.T
	ledger *kgo.Client // nil: nobody counts
	fate   func(request, events int) fate
	check  func(e received) []event.Violation

	mu       sync.Mutex
	requests int
	stored   map[string]received // by source and id
	counts   map[string]*importLine
}

// taken is how many requests have come so far: one that the import gave up may
// still be under way.
func (c *fakeCollector) taken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

type fate int

const (
	take      fate = iota
	fail           // 503, nothing stored
	takeHalf       // the first half, retry on the rest
	loseReply      // all stored, and the connection breaks
	tooLarge       // 413
	wrongKey       // 401
)

type received struct {
	ID      string         `json:"id"`
	Source  string         `json:"source"`
	Type    string         `json:"type"`
	Subject string         `json:"subject"`
	Time    string         `json:"time"`
	Data    jsontext.Value `json:"data"`
}

func startCollector(t *testing.T, c *fakeCollector) *fakeCollector {
	t.Helper()
	c.t, c.stored, c.counts = t, map[string]received{}, map[string]*importLine{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	t.Setenv("HEADWATER_COLLECTOR_URL", server.URL)
	t.Setenv("HEADWATER_WRITE_KEY", "key")
	return c
}

func (c *fakeCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	var events []received
	err := json.UnmarshalRead(r.Body, &events)
	if err != nil && r.Context().Err() != nil {
		return // the import gave it up
	}
	if err != nil || r.URL.Path != "/v1/events" ||
		r.Header.Get("Content-Type") != "application/cloudevents-batch+json" || r.Header.Get("Authorization") != "Bearer key" {
		c.t.Errorf("a request that no collector takes: %s %v %v", r.URL, r.Header, err)
	}
	fate := take
	if c.fate != nil {
		fate = c.fate(c.requests, len(events))
	}
	answer := struct {
		Message string    `json:"message,omitempty"`
		Events  []verdict `json:"events,omitempty"`
	}{}
	status := http.StatusAccepted
	switch fate {
	case fail:
		status, answer.Message = http.StatusServiceUnavailable, "no broker answers"
	case tooLarge:
		status = http.StatusRequestEntityTooLarge
	case wrongKey:
		status = http.StatusUnauthorized
	default:
		answer.Events = c.judge(events, fate, r.Header.Get("X-Headwater-Import-Id"))
	}
	if fate == takeHalf {
		status = http.StatusServiceUnavailable
	}
	if fate == loseReply {
		c.hangUp(w)
		return
	}
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, answer)
}

func (c *fakeCollector) hangUp(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		c.t.Error(err)
		return
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}

func (c *fakeCollector) judge(events []received, fate fate, importID string) []verdict {
	var out []verdict
	for i, e := range events {
		v := verdict{Index: i, ID: e.ID, Status: accepted}
		if c.check != nil {
			v.Violations = c.check(e)
		}
		switch {
		case len(v.Violations) > 0:
			v.Status = refused
			for j := range v.Violations {
				v.Violations[j].Pointer = fmt.Sprintf("/%d%s", i, v.Violations[j].Pointer)
			}
		case fate == takeHalf && i >= len(events)/2:
			v.Status = retry
		default:
			c.store(e, importID)
		}
		out = append(out, v)
	}
	c.publish(importID)
	return out
}

func (c *fakeCollector) store(e received, importID string) {
	line := c.counts[importID]
	if line == nil {
		line = &importLine{DeadLettered: map[string]int64{}}
		c.counts[importID] = line
	}
	line.In++
	key := e.Source + " " + e.ID
	if _, before := c.stored[key]; before {
		line.Duplicate++
	} else {
		line.Applied++
	}
	c.stored[key] = e
}

func (c *fakeCollector) publish(importID string) {
	line := c.counts[importID]
	if c.ledger == nil || line == nil {
		return
	}
	value, err := json.Marshal(line)
	if err != nil {
		c.t.Error(err)
	}
	r := &kgo.Record{Topic: ledgerTopic, Key: []byte("import/" + importID + "/0"), Value: value}
	c.ledger.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
		if err != nil {
			c.t.Error(err)
		}
	})
}
