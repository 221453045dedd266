package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/kafkatest"
)

func foreignEvent(t *testing.T, id string) cloudevents.Event {
	t.Helper()
	e := cloudevents.NewEvent()
	e.SetID(id)
	e.SetSource("https://shop.example/west")
	e.SetType("checkout.order_placed")
	e.SetSubject("Zoë Ångström")
	e.SetTime(time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.FixedZone("", 3600)))
	e.SetExtension("anonymousid", "a-7")
	if err := e.SetData(cloudevents.ApplicationJSON, map[string]any{"total": 29.5, "currency": "EUR"}); err != nil {
		t.Fatal(err)
	}
	return e
}

// Defends senders that use a CloudEvents library: the Go SDK's client sends in
// all three content modes, with text beyond ASCII, and each event arrives whole.
func TestCloudEventsSDK(t *testing.T) {
	p := start(t)
	protocol, err := cehttp.New(cehttp.WithTarget(p.url+"/v1/events"), cehttp.WithHeader("Authorization", "Bearer "+testKey))
	if err != nil {
		t.Fatal(err)
	}
	client, err := cloudevents.NewClient(protocol)
	if err != nil {
		t.Fatal(err)
	}
	for id, mode := range map[string]func(context.Context) context.Context{
		"binary": cloudevents.WithEncodingBinary, "structured": cloudevents.WithEncodingStructured,
	} {
		if result := client.Send(mode(t.Context()), foreignEvent(t, id)); !cloudevents.IsACK(result) {
			t.Fatalf("%s: %v", id, result)
		}
	}
	sendBatch(t, p, foreignEvent(t, "batch-1"), foreignEvent(t, "batch-2"))
	refusedOne := foreignEvent(t, "bad")
	_ = refusedOne.SetData(cloudevents.ApplicationJSON, map[string]any{"total": "much"})
	if result := client.Send(t.Context(), refusedOne); cloudevents.IsACK(result) {
		t.Error("the client takes a refused event for accepted")
	}
	seen := map[string]bool{}
	for _, r := range p.records() {
		seen[r.ID] = true
		want := event.Envelope{
			ID: r.ID, Source: "https://shop.example/west", Type: "checkout.order_placed", Subject: "Zoë Ångström",
			Time: time.Date(2026, 2, 3, 3, 5, 6, 789_000_000, time.UTC), ReceivedTime: r.timestamp, AnonymousID: "a-7",
		}
		if diff := cmp.Diff(want, r.Envelope); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.ID, diff)
		}
		if r.key != want.Subject || !strings.Contains(r.data, `"total":29.5,"currency":"EUR"`) {
			t.Errorf("%s: key %q, data %s", r.ID, r.key, r.data)
		}
	}
	if len(seen) != 4 {
		t.Errorf("stored %v", seen)
	}
}

func sendBatch(t *testing.T, p *platform, events ...cloudevents.Event) {
	t.Helper()
	r, err := cehttp.NewHTTPRequestFromEvents(t.Context(), p.url+"/v1/events", events)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Write-Key", testKey)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		t.Fatalf("batch: %s", res.Status)
	}
}

// Defends headwater import: the run's id stands on each of its events.
func TestImportIDAndTrace(t *testing.T) {
	p := start(t)
	trace := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	res := p.do(request{
		path: "/v1/events", contentType: mediaBatch, body: zipped("[" + order() + "]"),
		header: http.Header{headerImport: {"run-1"}, "Content-Encoding": {"gzip"}, "Traceparent": {trace}},
	})
	if res.status != http.StatusAccepted {
		t.Fatal(res.text)
	}
	if got := p.only(); got.ImportID != "run-1" || got.TraceParent != trace {
		t.Errorf("%+v", got.Envelope)
	}
}

// Defends an event that its visitor's name is not known for, and one without a
// time of its own.
func TestAnonymousAndTimeless(t *testing.T) {
	p := start(t)
	res := p.do(request{path: "/v1/events", contentType: mediaStructured, body: order(
		`"subject":"c1"`, `"anonymousid":"a1","subject":null`, `"time":"2026-03-01T12:00:00Z",`, "")})
	if res.status != http.StatusAccepted {
		t.Fatal(res.text)
	}
	if got := p.only(); got.key != "a1" || got.Subject != "" || !got.Time.Equal(got.ReceivedTime) {
		t.Errorf("%+v", got)
	}
}

// Defends teams that add events: one declared while the gateway runs is taken
// within 5 s, one retired or removed no longer, with no restart.
func TestCatalogueIsFollowed(t *testing.T) {
	p := start(t)
	ticket := `{"specversion":"1.0","id":"t","source":"/desk","type":"support.ticket_resolved","subject":"c1","data":{"ticket_id":"7"}}`
	send := func() response { return p.do(request{path: "/v1/events", contentType: mediaStructured, body: ticket}) }
	if res := send(); res.status != http.StatusUnprocessableEntity {
		t.Fatalf("before it is declared: %d", res.status)
	}
	entry := entryOf(t, "support.ticket_resolved", "", 900)
	declaredAt := time.Now()
	p.declare(entry)
	eventually(t, "the event is taken", func() bool { return send().status == http.StatusAccepted })
	if took := time.Since(declaredAt); took > 5*time.Second {
		t.Errorf("taken %s after it was declared", took)
	}
	p.announce("support.ticket_resolved", []byte("not an entry"))
	entry.Producers = []string{"desk"}
	p.declare(entry)
	eventually(t, "the gateway stays out", func() bool { return rule(send()) == ruleProducers })
	entry.Retired = true
	p.declare(entry)
	eventually(t, "the event is retired", func() bool { return rule(send()) == ruleRetired })
	p.announce("support.ticket_resolved", nil)
	eventually(t, "the event is unknown", func() bool { return rule(send()) == ruleUnknownType })
}

func rule(r response) string {
	if len(r.Events) == 0 || len(r.Events[0].Violations) == 0 {
		return ""
	}
	return r.Events[0].Violations[0].Rule
}

// Defends senders from silence: without brokers the answer is 503 and the
// verdict retry, bad events are refused all the same, and once the brokers are
// back everything goes on.
func TestBrokersDown(t *testing.T) {
	p := start(t, kafkatest.Durable(), kafkatest.WithBrokers(3))
	p.cluster.Stop()
	res := p.do(request{path: "/v1/events", contentType: mediaBatch, body: "[" + order() + `,{"id":"bad"}]`})
	if res.status != http.StatusServiceUnavailable || res.header.Get("Retry-After") == "" || res.Success {
		t.Fatalf("%d %s", res.status, res.text)
	}
	if res.Events[0].Verdict != retry || res.Events[1].Verdict != refused {
		t.Errorf("%+v", res.Events)
	}
	if ready := p.do(request{method: http.MethodGet, path: "/readyz"}); ready.status != http.StatusServiceUnavailable {
		t.Errorf("ready without brokers: %s", ready.text)
	}
	if alive := p.do(request{method: http.MethodGet, path: "/healthz"}); alive.status != http.StatusOK {
		t.Errorf("not alive without brokers: %s", alive.text)
	}
	p.cluster.Restart()
	eventually(t, "events are taken again", func() bool {
		return p.do(request{path: "/v1/events", contentType: mediaStructured, body: order()}).status == http.StatusAccepted
	})
	for _, r := range p.records() {
		if r.ID != "e1" {
			t.Errorf("%s was stored", r.ID)
		}
	}
}

// Defends SIGTERM: the request under way is answered and stored, then the
// program ends without an error and takes no more.
func TestDrain(t *testing.T) {
	p := start(t)
	s := p.gateway.settings
	s.listen, s.probes = "127.0.0.1:0", "127.0.0.1:0"
	g, err := newGateway(s)
	if err != nil {
		t.Fatal(err)
	}
	servers, err := g.listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g.settings.listen = servers[0].listener.Addr().String()
	g.settings.probes = ""
	for _, s := range servers {
		s.listener.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.serve(ctx) }()
	eventually(t, "the gateway is ready", func() bool { return g.notReady(t.Context()) == "" })
	p.url = "http://" + g.settings.listen
	body, write := newSlowBody(order())
	answered := make(chan int, 1)
	go func() {
		r, _ := http.NewRequest(http.MethodPost, p.url+"/v1/events", body)
		r.Header.Set("Content-Type", mediaStructured)
		r.Header.Set("X-Write-Key", testKey)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			answered <- 0
			return
		}
		res.Body.Close()
		answered <- res.StatusCode
	}()
	write() // the first half has arrived
	time.Sleep(50 * time.Millisecond)
	cancel()
	eventually(t, "it drains", g.draining.Load)
	write()
	if status := <-answered; status != http.StatusAccepted {
		t.Errorf("the request under way was answered %d", status)
	}
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	p.only()
	if _, err := http.Get(p.url + "/healthz"); err == nil {
		t.Error("still listening")
	}
}

// Defends senders during a start: before the catalogue is read no event is
// refused for good.
func TestStarting(t *testing.T) {
	keys, err := parseWriteKeys("web:" + testKey)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGateway(settings{kafka: kafka.Config{BootstrapServers: []string{"127.0.0.1:1"}}, keys: keys, timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer g.producer.Close()
	server := httptest.NewServer(g.routes())
	defer server.Close()
	p := &platform{t: t, gateway: g, url: server.URL}
	for _, in := range []request{
		{path: "/v1/events", contentType: mediaStructured, body: order()},
		{path: "/v1/t", body: `{"event":"Order Placed","userId":"c"}`},
	} {
		if res := p.do(in); res.status != http.StatusServiceUnavailable || res.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", in.path, res.status, res.text)
		}
	}
}

// newSlowBody is a body of two halves, each sent when write is called.
func newSlowBody(text string) (body *slowBody, write func()) {
	b := &slowBody{halves: make(chan []byte, 2)}
	next := 0
	return b, func() {
		half := len(text) / 2
		b.halves <- []byte([]string{text[:half], text[half:]}[next])
		if next++; next == 2 {
			close(b.halves)
		}
	}
}

type slowBody struct {
	halves chan []byte
	buffer bytes.Buffer
}

func (b *slowBody) Read(into []byte) (int, error) {
	if b.buffer.Len() == 0 {
		b.buffer.Write(<-b.halves)
	}
	return b.buffer.Read(into)
}

// Defends the operator's view: events by type, verdict and key's name, and no
// label that a sender makes up.
func TestMetrics(t *testing.T) {
	p := start(t)
	p.do(request{path: "/v1/events", contentType: mediaBatch, body: "[" + order() + "," + order("order_placed", "made_up") + "," + order("12.5", "true") + "]"})
	res := p.do(request{method: http.MethodGet, path: "/metrics"})
	for _, want := range []string{
		`headwater_collect_events_total{type="checkout.order_placed",verdict="accepted",write_key="web"} 1`,
		`headwater_collect_events_total{type="checkout.order_placed",verdict="refused",write_key="web"} 1`,
		`headwater_collect_events_total{type="undeclared",verdict="refused",write_key="web"} 1`,
		`headwater_collect_refusals_total{rule="unknown type",type="undeclared",write_key="web"} 1`,
		`headwater_collect_request_duration_seconds_count{route="/v1/events",status="207"} 1`,
		`headwater_collect_produce_duration_seconds_count 1`,
		`headwater_collect_declared_events 6`,
	} {
		if !strings.Contains(res.text, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(res.text, "made_up") {
		t.Error("a sender's text became a label")
	}
}

// Defends the start: settings that would let nobody send, or anybody, are errors.
func TestWriteKeys(t *testing.T) {
	for _, bad := range []string{"", " , ", "key", "name:", ":key", "a:1,a:2"} {
		if _, err := parseWriteKeys(bad); err == nil || !strings.Contains(err.Error(), envWriteKeys) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	keys, err := parseWriteKeys("a:1:2, b:3")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"1:2": "a", "3": "b", "1": "", "": ""} {
		if name, ok := keys.name(key); name != want || ok != (want != "") {
			t.Errorf("%q is %q, %t", key, name, ok)
		}
	}
}
