package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/kafkatest"
)

const testKey = "k-secret"

// platform is a gateway on a throwaway cluster with the catalogue's own events.
type platform struct {
	t       testing.TB
	cluster *kafkatest.Cluster
	gateway *gateway
	url     string
	schemas map[string]*event.Schema // by topic
}

// declaredEvents are the events that most tests declare, by type.
var declaredEvents = map[string]string{
	"checkout.order_placed":       "",
	"browsing.page_viewed":        "page",
	"browsing.screen_viewed":      "screen",
	"account.customer_identified": "identify",
	"account.group_joined":        "group",
	"account.customer_aliased":    "alias",
}

func start(t testing.TB, opts ...kafkatest.Option) *platform {
	t.Helper()
	cluster := kafkatest.Start(t, opts...)
	cluster.CreateTopic(event.CatalogueTopic, 1, map[string]string{"cleanup.policy": "compact"})
	p := &platform{t: t, cluster: cluster, schemas: map[string]*event.Schema{}}
	id := 100
	for eventType, call := range declaredEvents {
		id++
		p.declare(entryOf(t, eventType, call, id))
	}
	p.run(cluster.Config)
	return p
}

// run starts the gateway and waits until it is ready.
func (p *platform) run(cfg kafka.Config) {
	p.t.Helper()
	keys, err := parseWriteKeys("web:" + testKey + ",app:k-other")
	if err != nil {
		p.t.Fatal(err)
	}
	g, err := newGateway(settings{kafka: cfg, catalogueTopic: event.CatalogueTopic, keys: keys, timeout: 2 * time.Second, drain: drainTimeout}, kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = g.catalogue.Run(ctx) }()
	server := httptest.NewServer(g.routes())
	p.t.Cleanup(func() {
		server.Close()
		cancel()
		<-done
		g.producer.Close()
	})
	p.gateway, p.url = g, server.URL
	eventually(p.t, "the gateway is ready", func() bool { return g.notReady(context.Background()) == "" })
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s until %s", what)
		}
	}
}

// entryOf is the catalogue entry of one of the repository's own events.
func entryOf(t testing.TB, eventType, segmentCall string, id int) event.Entry {
	t.Helper()
	domain, name, _ := strings.Cut(eventType, ".")
	text, err := os.ReadFile("../../schemas/" + domain + "/" + name + ".avsc")
	if err != nil {
		t.Fatal(err)
	}
	topic := "raw." + domain + "." + strings.ReplaceAll(name, "_", "-")
	return event.Entry{
		Version: 1, Type: eventType, Tier: "raw", Domain: domain, Name: name, Owner: "store", Topic: topic,
		Subject: topic + "-value", SchemaType: "AVRO", SchemaID: id, SchemaVersion: 1, Schema: string(text),
		Producers: []string{"collect"}, SegmentCall: segmentCall,
	}
}

// declare does what terraform apply does: topic first, then the entry.
func (p *platform) declare(e event.Entry) {
	p.t.Helper()
	if _, known := p.schemas[e.Topic]; !known {
		p.cluster.CreateTopic(e.Topic, 3, map[string]string{"max.message.bytes": "4194304"})
	}
	schema, err := e.Compile()
	if err != nil {
		p.t.Fatal(err)
	}
	p.schemas[e.Topic] = schema
	value, err := json.Marshal(e)
	if err != nil {
		p.t.Fatal(err)
	}
	p.announce(e.Type, value)
}

func (p *platform) announce(key string, value []byte) {
	p.t.Helper()
	record := &kgo.Record{Topic: event.CatalogueTopic, Key: []byte(key), Value: value}
	if err := p.cluster.Client().ProduceSync(context.Background(), record).FirstErr(); err != nil {
		p.t.Fatal(err)
	}
}

// request is one HTTP request to the gateway; the zero header has the write key.
type request struct {
	method, path, contentType, body string
	header                          http.Header
	anonymous                       bool // no write key in the headers
}

// response is what came back.
type response struct {
	status int
	header http.Header
	text   string
	answer
}

func (p *platform) do(in request) response {
	p.t.Helper()
	if in.method == "" {
		in.method = http.MethodPost
	}
	r, err := http.NewRequest(in.method, p.url+in.path, strings.NewReader(in.body))
	if err != nil {
		p.t.Fatal(err)
	}
	for name, values := range in.header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if in.contentType != "" {
		r.Header.Set("Content-Type", in.contentType)
	}
	if !in.anonymous {
		r.SetBasicAuth(testKey, "")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	out := response{status: res.StatusCode, header: res.Header, text: string(body)}
	if bytes.HasPrefix(body, []byte("{")) {
		if err := json.Unmarshal(body, &out.answer); err != nil {
			p.t.Fatalf("%s: %v", body, err)
		}
	}
	return out
}

// stored is a record as its topic has it.
type stored struct {
	event.Envelope
	topic, key, data string
	timestamp        time.Time
}

// records reads everything on the raw topics.
func (p *platform) records() []stored {
	p.t.Helper()
	topics := make([]string, 0, len(p.schemas))
	for topic := range p.schemas {
		topics = append(topics, topic)
	}
	ends, err := p.cluster.Admin().ListEndOffsets(context.Background(), topics...)
	if err != nil {
		p.t.Fatal(err)
	}
	want := 0
	for _, partitions := range ends {
		for _, end := range partitions {
			want += int(end.Offset)
		}
	}
	client := p.cluster.Client(kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var list []stored
	for len(list) < want {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			p.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { list = append(list, p.open(r)) })
	}
	return list
}

func (p *platform) open(r *kgo.Record) stored {
	p.t.Helper()
	envelope, err := event.ParseHeaders(r.Headers)
	if err != nil {
		p.t.Fatal(err)
	}
	data, err := p.schemas[r.Topic].JSON(r.Value)
	if err != nil {
		p.t.Fatal(err)
	}
	return stored{envelope, r.Topic, string(r.Key), string(data), r.Timestamp.UTC()}
}

// only is the one record there is.
func (p *platform) only() stored {
	p.t.Helper()
	list := p.records()
	if len(list) != 1 {
		p.t.Fatalf("%d records are stored, want 1: %+v", len(list), list)
	}
	return list[0]
}

func unzipped(t *testing.T, text string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// order is a CloudEvent that is accepted, with parts replaced by pairs.
func order(replace ...string) string {
	return strings.NewReplacer(replace...).Replace(
		`{"specversion":"1.0","id":"e1","source":"/shop","type":"checkout.order_placed","subject":"c1",` +
			`"time":"2026-03-01T12:00:00Z","data":{"total":12.5,"order_id":"o1"}}`)
}
