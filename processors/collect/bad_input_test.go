package main

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/internal/event"
)

// badEvents are events that must be refused, each with where and why.
var badEvents = []struct {
	name, event, pointer, rule string
	status                     int // when sent alone
}{
	{"unknown event", order("order_placed", "order_placde"), "/type", ruleUnknownType, 422},
	{"wrong type", order("12.5", `"12.5"`), "/data/total", event.RuleType, 422},
	{"missing required field", order(`"total":12.5,`, ""), "/data/total", event.RuleRequired, 422},
	{"extra field", order(`"order_id"`, `"colour":"red","order_id"`), "/data/colour", event.RuleAdditional, 422},
	{"too large", order("o1", strings.Repeat("x", maxEventBytes)), "", ruleSize, 413},
	{"bad utf-8", order("o1", "o\xff"), "/data/order_id", event.RuleUTF8, 400},
	{"duplicate keys", order(`"order_id"`, `"total":1,"order_id"`), "/data/total", event.RuleDuplicate, 400},
	{"duplicate attribute", order(`"id":"e1"`, `"id":"e1","id":"e2"`), "/id", event.RuleDuplicate, 400},
	{"no id", order(`"id":"e1",`, ""), "/id", event.RuleRequired, 422},
	{"no source", order(`"source":"/shop",`, ""), "/source", event.RuleRequired, 422},
	{"no type", order(`"type":"checkout.order_placed",`, ""), "/type", event.RuleRequired, 422},
	{"no specversion", order(`"specversion":"1.0",`, ""), "/specversion", event.RuleRequired, 422},
	{"old specversion", order(`"1.0"`, `"0.3"`), "/specversion", event.RuleEnum, 422},
	{"no customer", order(`"subject":"c1",`, ""), "/subject", event.RuleRequired, 422},
	{"id of another type", order(`"e1"`, `7`), "/id", event.RuleType, 422},
	{"time of another form", order("2026-03-01T12:00:00Z", "yesterday"), "/time", event.RuleFormat, 422},
	{"bytes", order(`"data":{"total":12.5,"order_id":"o1"}`, `"data_base64":"aGk="`), "/data_base64", ruleContentType, 415},
	{"xml", order(`"subject"`, `"datacontenttype":"application/xml","subject"`), "/datacontenttype", ruleContentType, 415},
	{"no data", order(`,"data":{"total":12.5,"order_id":"o1"}`, ""), "/data/total", event.RuleRequired, 422},
	{"not an object", `[1]`, "", event.RuleType, 422},
	{"a list as data", order(`{"total":12.5,"order_id":"o1"}`, "[]"), "/data", event.RuleType, 422},
}

// Defends the topics and the senders: a bad event alone is a 4xx with its
// pointer and rule, and nothing is written.
func TestBadEventAlone(t *testing.T) {
	p := start(t)
	for _, c := range badEvents {
		t.Run(c.name, func(t *testing.T) {
			res := p.do(request{path: "/v1/events", contentType: mediaStructured, body: c.event})
			if res.status != c.status || len(res.Events) != 1 {
				t.Fatalf("status %d, want %d: %s", res.status, c.status, res.text)
			}
			checkRefused(t, res.Events[0], c.pointer, c.rule)
		})
	}
	if res := p.do(request{path: "/v1/event", body: "{}"}); res.status != 404 || !strings.Contains(res.text, `"code":"not_found"`) || !strings.Contains(res.text, "/v1/events") {
		t.Errorf("an unknown path: %d %s", res.status, res.text)
	}
	if list := p.records(); len(list) != 0 {
		t.Errorf("%d records were written", len(list))
	}
}

// Defends the good events of a batch from the bad ones beside them.
func TestBadEventsInABatch(t *testing.T) {
	p := start(t)
	var events []string
	for _, c := range badEvents {
		events = append(events, c.event, order("e1", "good-"+c.name))
	}
	res := p.do(request{path: "/v1/events", contentType: mediaBatch, body: "[" + strings.Join(events, ",") + "]"})
	if res.status != http.StatusMultiStatus || res.Accepted != len(badEvents) || res.Refused != len(badEvents) || !res.Success {
		t.Fatalf("%d: %.300s", res.status, res.text)
	}
	for i, c := range badEvents {
		checkRefused(t, res.Events[2*i], c.pointer, c.rule)
		if good := res.Events[2*i+1]; good.Verdict != accepted || good.Index != 2*i+1 || good.ID != "good-"+c.name {
			t.Errorf("beside %s: %+v", c.name, good)
		}
	}
	ids := map[string]bool{}
	for _, r := range p.records() {
		ids[r.ID] = true
	}
	for _, c := range badEvents {
		if !ids["good-"+c.name] {
			t.Errorf("the good event beside %s was not written", c.name)
		}
	}
	if len(ids) != len(badEvents) {
		t.Errorf("%d events were written, want %d", len(ids), len(badEvents))
	}
}

func checkRefused(t *testing.T, v verdict, pointer, rule string) {
	t.Helper()
	if v.Verdict != refused || len(v.Violations) == 0 {
		t.Fatalf("%+v, want it refused", v)
	}
	first := v.Violations[0]
	if first.Pointer != pointer || first.Rule != rule || !strings.Contains(first.Message, "expected") {
		t.Errorf("violation %+v, want %s at %q", first, rule, pointer)
	}
}

// Defends against what is no events at all: one clear 4xx and nothing written.
func TestBadRequests(t *testing.T) {
	p := start(t)
	zip := http.Header{"Content-Encoding": {"gzip"}}
	for name, c := range map[string]struct {
		request
		status int
		want   string
	}{
		"not json":         {request{contentType: mediaStructured, body: "hello"}, 400, "expected JSON"},
		"half a json":      {request{contentType: mediaStructured, body: order()[:90]}, 400, "got its end"},
		"two events":       {request{contentType: mediaStructured, body: order() + order()}, 400, "more after"},
		"empty body":       {request{contentType: mediaStructured}, 400, "nothing"},
		"broken batch":     {request{contentType: mediaBatch, body: "[" + order() + ","}, 400, "got its end"},
		"batch of none":    {request{contentType: mediaBatch, body: `{}`}, 400, "expected an array"},
		"plain json":       {request{contentType: "application/json", body: order()}, 415, mediaStructured},
		"no content type":  {request{body: order()}, 415, mediaBatch},
		"curl's default":   {request{contentType: "application/x-www-form-urlencoded", body: order()}, 415, "curl -d and urllib send when they are told nothing else: set the header Content-Type"},
		"binary by curl":   {request{contentType: "application/x-www-form-urlencoded", body: "{}", header: http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"s"}, "Ce-Type": {"checkout.order_placed"}, "Ce-Subject": {"c"}}}, 415, "expected the data as application/json"},
		"latin 1":          {request{contentType: mediaStructured + "; charset=latin1", body: order()}, 415, "UTF-8"},
		"unknown encoding": {request{contentType: mediaStructured, body: order(), header: http.Header{"Content-Encoding": {"br"}}}, 415, "gzip"},
		"not gzip":         {request{contentType: mediaStructured, body: order(), header: zip}, 400, "gzip"},
		"half a gzip":      {request{contentType: mediaStructured, body: zipped(order())[:40], header: zip}, 400, "part"},
		"gzip bomb":        {request{contentType: mediaBatch, body: zipped("[" + strings.Repeat(" ", maxBodyBytes) + "]"), header: zip}, 413, "at most"},
		"too large":        {request{contentType: mediaBatch, body: "[" + strings.Repeat(" ", maxBodyBytes) + "]"}, 413, "at most"},
		"get":              {request{method: http.MethodGet}, 405, "POST"},
		"import id":        {request{contentType: mediaStructured, body: order(), header: http.Header{headerImport: {strings.Repeat("x", 200)}}}, 400, "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			c.path = "/v1/events"
			res := p.do(c.request)
			if res.status != c.status || !strings.Contains(res.text, c.want) {
				t.Errorf("%d %s, want %d with %q", res.status, res.text, c.status, c.want)
			}
		})
	}
	if list := p.records(); len(list) != 0 {
		t.Errorf("%d records were written", len(list))
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// Defends the endpoints from strangers: a wrong key is told nothing that a
// missing one is not, is counted, and leaves nothing behind.
func TestUnauthorized(t *testing.T) {
	p := start(t)
	bearer := func(key string) http.Header { return http.Header{"Authorization": {"Bearer " + key}} }
	track := `{"event":"Order Placed","userId":"c1","properties":{"total":1}%s}`
	texts := map[string]bool{}
	for name, in := range map[string]request{
		"none":            {path: "/v1/events", contentType: mediaStructured, body: order()},
		"wrong bearer":    {path: "/v1/events", contentType: mediaStructured, body: order(), header: bearer("k-secre")},
		"empty bearer":    {path: "/v1/events", contentType: mediaStructured, body: order(), header: bearer("")},
		"broken basic":    {path: "/v1/events", contentType: mediaStructured, body: order(), header: http.Header{"Authorization": {"Basic !!"}}},
		"wrong header":    {path: "/v1/events", contentType: mediaStructured, body: order(), header: http.Header{"X-Write-Key": {"k"}}},
		"segment none":    {path: "/v1/track", body: strings.Replace(track, "%s", "", 1)},
		"segment body":    {path: "/v1/track", body: strings.Replace(track, "%s", `,"writeKey":"wrong"`, 1)},
		"segment garbage": {path: "/v1/batch", body: "garbage"},
		"segment header":  {path: "/v1/batch", body: `{"batch":[],"writeKey":"` + testKey + `"}`, header: bearer("wrong")},
	} {
		in.anonymous = true
		res := p.do(in)
		if res.status != http.StatusUnauthorized || res.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, res.status, res.text)
		}
		texts[res.text] = true
	}
	if len(texts) != 1 {
		t.Errorf("answers differ: %v", texts)
	}
	if list := p.records(); len(list) != 0 {
		t.Errorf("%d records were written", len(list))
	}
	res := p.do(request{method: http.MethodGet, path: "/metrics"})
	if !strings.Contains(res.text, "headwater_collect_unauthorized_total 9\n") {
		t.Errorf("not counted: %s", res.text)
	}
}

// Defends everybody's windows and sessions: an event from 2099 is taken, its
// time clamped to five minutes past its receipt, and what was sent is kept.
func TestEventFrom2099(t *testing.T) {
	p := start(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	p.gateway.now = func() time.Time { return now }
	res := p.do(request{path: "/v1/events", contentType: mediaStructured, body: order("2026-03", "2099-03")})
	if res.status != http.StatusAccepted || !strings.Contains(res.text, "its time is more than 5 minutes ahead") {
		t.Fatalf("%d %s", res.status, res.text)
	}
	want := event.Envelope{
		ID: "e1", Source: "/shop", Type: "checkout.order_placed", Subject: "c1",
		Time: now.Add(event.MaxAhead), ReceivedTime: now, OriginalTime: time.Date(2099, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	got := p.only()
	if diff := cmp.Diff(want, got.Envelope); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
	if got.key != "c1" || !got.timestamp.Equal(now) {
		t.Errorf("key %q, timestamp %s", got.key, got.timestamp)
	}
}
