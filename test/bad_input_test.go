package test

import (
	"context"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
)

// credentials is what `headwater credentials NAME --json` says.
type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
	WriteKey string `json:"write_key"`
	TLSCA    string `json:"tls_ca"`
}

func (p *platform) credentials(name string) credentials {
	p.t.Helper()
	var c credentials
	if err := json.Unmarshal([]byte(p.run("credentials", name, "--json")), &c); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// produceAs writes one record to a topic under a principal of the platform.
func (p *platform) produceAs(ctx context.Context, principal, topic string, value []byte) error {
	p.t.Helper()
	c := p.credentials(principal)
	config := kafka.Config{
		BootstrapServers: kafka.SplitServers(p.status().BootstrapServers),
		SASL:             kafka.SASL{Mechanism: kafka.ScramSHA512, Username: c.Username, Password: c.Password},
		TLS:              kafka.TLS{CA: c.TLSCA},
	}
	client, err := config.Client(kgo.DefaultProduceTopic(topic))
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return client.ProduceSync(ctx, &kgo.Record{Value: value}).FirstErr()
}

// Bad input of every kind the platform meets while it runs: each has its answer,
// nothing stops, nothing is lost.
func TestBadInputHasAnAnswer(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.up()

	t.Run("a batch keeps its good events", func(t *testing.T) { goodEventsOfABadBatch(t, p) })
	t.Run("a wrong write key", func(t *testing.T) { wrongWriteKey(t, p) })
	t.Run("a poison record", func(t *testing.T) { poisonRecord(t, p) })
	t.Run("an event from 2099", func(t *testing.T) { eventFromTheFuture(t, p) })
	t.Run("another team's topic", func(t *testing.T) { anotherTeamsTopic(t, p) })
	t.Run("gaps of 1800 and 1801 seconds", func(t *testing.T) { gapsAtTheBoundary(t, p) })
	t.Run("a late event joins two final sessions", func(t *testing.T) { lateEventJoins(t, p) })
}

func (p *platform) post(path, contentType, key, body string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.status().CollectorURL+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.SetBasicAuth(key, "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// metrics is what a server says of itself.
func (p *platform) metrics(server string) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, server+"/metrics", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s/metrics: %s %v", server, resp.Status, err)
	}
	return string(text)
}

func goodEventsOfABadBatch(t *testing.T, p *platform) {
	status, answer := p.post("/v1/events", "application/cloudevents-batch+json", p.credentials("local").WriteKey, `[
	  {"specversion":"1.0","id":"b1","source":"/t","type":"browsing.page_viewed","subject":"bad-batch","data":{"url":"https://example.com/"}},
	  {"specversion":"1.0","id":"b2","source":"/t","type":"browsing.page_viewed","subject":"bad-batch","data":{"url":7}},
	  {"specversion":"1.0","id":"b3","source":"/t","type":"browsing.nonsense","subject":"bad-batch","data":{}}]`)
	if status/100 == 5 || !strings.Contains(answer, "/url") || strings.Count(answer, `"accepted"`) < 1 {
		t.Errorf("answer %d: %s", status, answer)
	}
	waitFor(t, time.Minute, "the good event of the batch", func() bool {
		found := p.sessions("bad-batch")
		return len(found) == 1 && found[0].Events == 1
	})
}

func wrongWriteKey(t *testing.T, p *platform) {
	status, answer := p.post("/v1/events", "application/cloudevents+json", "nonsense", `{}`)
	if status != http.StatusUnauthorized || strings.Contains(answer, "nonsense") {
		t.Errorf("answer %d: %s, expected 401 without a detail", status, answer)
	}
	if got := p.metrics(p.status().CollectorURL); !strings.Contains(got, "headwater_collect_unauthorized_total 1\n") {
		t.Error("the refused request is not counted")
	}
}

func poisonRecord(t *testing.T, p *platform) {
	if err := p.produceAs(t.Context(), "admin", "raw.browsing.page-viewed", []byte("poison")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, time.Minute, "the poison among the dead letters", func() bool {
		return strings.Contains(p.run("dead-letters", "list", "--json"), "raw.browsing.page-viewed")
	})
	p.run("send", "browsing.page_viewed", "--customer", "after-poison", "--data", `{"url":"https://example.com/"}`)
	waitFor(t, time.Minute, "the event after the poison", func() bool { return len(p.sessions("after-poison")) == 1 })
}

// eventFromTheFuture: a session that is open beside it stays open, since no event
// moves the clock.
func eventFromTheFuture(t *testing.T, p *platform) {
	p.run("send", "browsing.page_viewed", "--customer", "present", "--data", `{"url":"https://example.com/"}`)
	waitFor(t, time.Minute, "the session beside", func() bool { return len(p.sessions("present")) == 1 })
	beside := p.sessions("present")[0]
	p.run("send", "browsing.page_viewed", "--customer", "future", "--time", "2099-01-01T00:00:00Z", "--data", `{"url":"https://example.com/"}`)
	waitFor(t, time.Minute, "the session of the future", func() bool { return len(p.sessions("future")) == 1 })
	if s := p.sessions("future")[0]; s.Start.After(time.Now().Add(6 * time.Minute)) {
		t.Errorf("the session starts at %s: the time was not clamped", s.Start)
	}
	kept := func(r record) bool {
		return r.Headers["ce_subject"] == "future" && r.Headers["ce_originaltime"] == "2099-01-01T00:00:00Z"
	}
	if !slices.ContainsFunc(p.tail("processed.customer-events"), kept) {
		t.Error("the time as sent is not kept")
	}
	time.Sleep(settleTime + 2*time.Second)
	if now := p.sessions("present"); len(now) != 1 || now[0] != beside || beside.State != "OPEN" {
		t.Errorf("the session of another customer was %+v and is %+v", beside, now)
	}
}

func anotherTeamsTopic(t *testing.T, p *platform) {
	err := p.produceAs(t.Context(), "care", "raw.checkout.order-placed", []byte("x"))
	if err == nil || !strings.Contains(err.Error(), "AUTHORIZATION") {
		t.Errorf("producing to another team's topic: %v, expected a refusal", err)
	}
	if os.Getenv("HEADWATER_TEST_KAFKA") != "apache" && !strings.Contains(p.metrics(p.status().SupervisorURL), `headwater_authorization_denied_total{api="Metadata",principal="User:care"} `) {
		t.Error("the refusal is not counted")
	}
}

// settleTime is how long a session must be quiet before it can be final.
const settleTime = 10 * time.Second

// visit sends one page view of a customer at a time of day.
func (p *platform) visit(customer, at string) {
	p.t.Helper()
	p.run("send", "browsing.page_viewed", "--customer", customer, "--time", "2026-10-01T"+at+"Z", "--data", `{"url":"https://example.com/"}`)
}

func gapsAtTheBoundary(t *testing.T, p *platform) {
	p.visit("gap-1800", "10:00:00")
	p.visit("gap-1800", "10:30:00")
	p.visit("gap-1801", "10:00:00")
	p.visit("gap-1801", "10:30:01")
	waitFor(t, time.Minute, "one session and two sessions", func() bool {
		return len(p.sessions("gap-1800")) == 1 && len(p.sessions("gap-1801")) == 2
	})
}

func lateEventJoins(t *testing.T, p *platform) {
	p.visit("join", "10:00:00")
	p.visit("join", "10:50:00")
	final := func(n int) func() bool {
		return func() bool {
			found := p.sessions("join")
			return len(found) == n && countOpen(found) == 0
		}
	}
	waitFor(t, settled, "two final sessions", final(2))
	before := p.sessions("join")
	p.visit("join", "10:25:00")
	waitFor(t, settled, "one final session", final(1))
	joined := p.sessions("join")[0]
	first := before[0]
	if before[1].Start.Before(first.Start) {
		first = before[1]
	}
	if joined.Events != 3 || joined.ID != first.ID || joined.Revision <= first.Revision {
		t.Errorf("joined session %+v, expected three events under the id of the earlier, %+v, at a higher revision", joined, first)
	}
}
