package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/internal/event"
)

// at renders a moment so long before now as the libraries write it.
func at(now time.Time, before time.Duration) string {
	return now.Add(-before).UTC().Format("2006-01-02T15:04:05.000Z")
}

// libraryCalls are requests as the vendors' own libraries send them, with what
// must be stored. NOW and SENT stand for times of the test's run.
var libraryCalls = []struct {
	name string
	request
	topic, customer, anonymous, id, data string
	untimed                              bool // the call has no time of its own
}{
	{
		name: "browser page, key in the body, text/plain",
		request: request{path: "/v1/p", contentType: "text/plain", anonymous: true, header: http.Header{"Origin": {"https://shop.example"}}, body: `{
			"timestamp":"NOW","integrations":{"Segment.io":true},"userId":null,"anonymousId":"6f1c-anon","type":"page",
			"properties":{"path":"/cart","referrer":"","search":"?a=1","title":"Cart","url":"https://shop.example/cart?a=1","plan":{"tier":2}},
			"context":{"page":{"path":"/cart"},"userAgent":"Mozilla/5.0","locale":"de-DE","library":{"name":"analytics.js","version":"next-1.70.0"},"timezone":"Europe/Berlin"},
			"messageId":"ajs-next-1700000000000-page","category":"Shop","name":"Cart","writeKey":"k-secret","sentAt":"SENT",
			"_metadata":{"bundled":["Segment.io"],"unbundled":[],"bundledIds":[]}}`},
		topic: "raw.browsing.page-viewed", customer: "6f1c-anon", anonymous: "6f1c-anon", id: "ajs-next-1700000000000-page",
		data: `{"url":"https://shop.example/cart?a=1","path":"/cart","referrer":"","title":"Cart","search":"?a=1","name":"Cart","category":"Shop",` +
			`"user_agent":"Mozilla/5.0","ip":null,"method":null,"status":null,"bytes":null,"properties":{"plan":"{\"tier\":2}"}}`,
	},
	{
		name: "browser identify",
		request: request{path: "/v1/i", contentType: "text/plain", anonymous: true, body: `{"timestamp":"NOW","integrations":{},"userId":"c-7","anonymousId":"6f1c-anon",
			"type":"identify","traits":{"email":"zoe@example.org","logins":3},"context":{},"messageId":"ajs-2","writeKey":"k-secret","sentAt":"SENT"}`},
		topic: "raw.account.customer-identified", customer: "c-7", anonymous: "6f1c-anon", id: "ajs-2",
		data: `{"email":"zoe@example.org","name":null,"phone":null,"username":null,"plan":null,"traits":{"logins":"3"}}`,
	},
	{
		name: "python batch, gzip",
		request: request{path: "/v1/batch", contentType: "application/json", header: http.Header{"Content-Encoding": {"gzip"}}, body: zipped(`{"batch": [
			{"integrations": {}, "anonymousId": null, "properties": {"total": 12.0, "currency": "USD"}, "timestamp": "NOW",
			"context": {"library": {"name": "analytics-python", "version": "2.3.4"}}, "userId": "c-8", "type": "track", "event": "Order Placed",
			"messageId": "9a0b6f2e-py"}], "sentAt": "SENT", "writeKey": "k-secret"}`)},
		topic: "raw.checkout.order-placed", customer: "c-8", id: "9a0b6f2e-py", data: `{"total":12,"currency":"USD",`,
	},
	{
		name: "go batch",
		request: request{path: "/v1/batch", contentType: "application/json", body: `{"messageId":"go-batch","sentAt":"SENT","batch":[
			{"type":"group","messageId":"go-1","userId":"c-9","groupId":"acme","timestamp":"NOW","traits":{"name":"Acme","employees":20}}],
			"context":{"library":{"name":"analytics-go","version":"3.0.0"}}}`},
		topic: "raw.account.group-joined", customer: "c-9", id: "go-1",
		data: `{"group_id":"acme","name":"Acme","industry":null,"plan":null,"traits":{"employees":"20"}}`,
	},
	{
		name: "node alias",
		request: request{path: "/v1/alias", contentType: "application/json", body: `{"type":"alias","userId":"c-10","previousId":"6f1c-anon","messageId":"node-1",
			"timestamp":"NOW","sentAt":"SENT","_metadata":{"nodeVersion":"22.1.0"}}`},
		topic: "raw.account.customer-aliased", customer: "c-10", id: "node-1", data: `{"previous_id":"6f1c-anon","properties":{}}`,
	},
	{
		name: "mobile screen through import",
		request: request{path: "/v1/import", contentType: "application/json", header: http.Header{"Content-Encoding": {"gzip"}}, body: zipped(`{"batch":[
			{"type":"screen","messageId":"ios-1","anonymousId":"D3A-IDFV","userId":"","name":"Cart","properties":{"os":"iOS 19"},
			"originalTimestamp":"NOW","context":{"device":{"manufacturer":"Apple"}}}],"sentAt":"SENT"}`)},
		topic: "raw.browsing.screen-viewed", customer: "D3A-IDFV", anonymous: "D3A-IDFV", id: "ios-1",
		data: `{"name":"Cart","category":null,"app_version":null,"os":"iOS 19","properties":{}}`,
	},
	{
		name: "curl track with a full type and a number as id",
		request: request{path: "/v1/track", contentType: "application/json", body: `{"userId":42,"event":"checkout.order_placed","messageId":"m1",
			"properties":{"total":1,"products":[{"product_id":"p"}]}}`},
		topic: "raw.checkout.order-placed", customer: "42", id: "m1", data: `{"total":1,`, untimed: true,
	},
}

// Defends teams that keep the libraries they have: each call as the library
// sends it is stored under the right customer, id and type, and answered 200.
func TestSegmentLibraries(t *testing.T) {
	p := start(t)
	for _, c := range libraryCalls {
		t.Run(c.name, func(t *testing.T) {
			now := time.Now().UTC()
			times := strings.NewReplacer("NOW", at(now, 2*time.Second), "SENT", at(now, time.Second))
			if c.header.Get("Content-Encoding") == "" {
				c.body = times.Replace(c.body)
			} else {
				c.body = zipped(times.Replace(unzipped(t, c.body)))
			}
			res := p.do(c.request)
			if res.status != http.StatusOK || !res.Success || res.Accepted != 1 {
				t.Fatalf("%d %s", res.status, res.text)
			}
			got := p.find(c.id)
			want := event.Envelope{
				ID: c.id, Source: "/segment/web", Type: got.Type, Subject: c.customer, AnonymousID: c.anonymous,
				Time: got.Time, ReceivedTime: got.timestamp, SentTime: got.SentTime, Untimed: c.untimed,
			}
			if diff := cmp.Diff(want, got.Envelope); diff != "" {
				t.Errorf("envelope (-want +got):\n%s", diff)
			}
			if got.topic != c.topic || got.key != c.customer || !strings.HasPrefix(got.data, c.data) {
				t.Errorf("%s, key %q: %s", got.topic, got.key, got.data)
			}
			if strings.Contains(c.body, "sentAt") && at(got.Time, 0) != at(now, 2*time.Second) {
				t.Errorf("time %s, want %s", got.Time, at(now, 2*time.Second))
			}
		})
	}
}

// find is the stored event of an id.
func (p *platform) find(id string) stored {
	p.t.Helper()
	for _, r := range p.records() {
		if r.ID == id {
			return r
		}
	}
	p.t.Fatalf("no event %s is stored", id)
	return stored{}
}

// Defends event times from wrong clocks: more than a minute off is corrected by
// what sentAt tells, less is not touched, history stays history.
func TestSegmentTimes(t *testing.T) {
	p := start(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	p.gateway.now = func() time.Time { return now }
	hour := time.Hour
	for id, c := range map[string]struct {
		times          string
		want, original time.Time
	}{
		"right clock":     {`"timestamp":"` + at(now, 30*time.Second) + `","sentAt":"` + at(now, time.Second) + `"`, now.Add(-30 * time.Second), time.Time{}},
		"hour behind":     {`"timestamp":"` + at(now, hour+time.Minute) + `","sentAt":"` + at(now, hour) + `"`, now.Add(-time.Minute), now.Add(-hour - time.Minute)},
		"hour ahead":      {`"timestamp":"` + at(now, -hour) + `","sentAt":"` + at(now, -hour) + `"`, now, now.Add(hour)},
		"history":         {`"timestamp":"2019-10-15T00:00:00Z","sentAt":"` + at(now, time.Second) + `"`, time.Date(2019, 10, 15, 0, 0, 0, 0, time.UTC), time.Time{}},
		"no sentAt":       {`"timestamp":"2019-10-15T00:00:00Z"`, time.Date(2019, 10, 15, 0, 0, 0, 0, time.UTC), time.Time{}},
		"nothing":         {`"context":{}`, now, time.Time{}},
		"far ahead":       {`"timestamp":"2099-01-01T00:00:00Z","sentAt":"` + at(now, 0) + `"`, now.Add(event.MaxAhead), time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)},
		"corrected twice": {`"timestamp":"2019-10-15T00:00:00Z","originalTimestamp":"2019-10-14T00:00:00Z","sentAt":"2019-10-14T00:00:01Z"`, time.Date(2019, 10, 15, 0, 0, 0, 0, time.UTC), time.Date(2019, 10, 14, 0, 0, 0, 0, time.UTC)},
	} {
		res := p.do(request{path: "/v1/track", body: `{"userId":"c","event":"order_placed","messageId":"` + id + `","properties":{"total":1},` + c.times + `}`})
		if res.status != http.StatusOK {
			t.Fatalf("%s: %s", id, res.text)
		}
		got := p.find(id)
		if !got.Time.Equal(c.want) || !got.OriginalTime.Equal(c.original) {
			t.Errorf("%s: time %s (original %s), want %s (%s)", id, got.Time, got.OriginalTime, c.want, c.original)
		}
	}
}

// Defends senders of Segment calls: what is wrong is named where it stands in
// the call, not in the record we make of it.
func TestSegmentRefuses(t *testing.T) {
	p := start(t)
	p.declare(func() event.Entry {
		e := entryOf(t, "checkout.order_placed", "", 700)
		e.Type, e.Domain, e.Topic = "support.order_placed", "support", "raw.support.order-placed"
		return e
	}())
	eventually(t, "the second event is declared", func() bool { return p.gateway.declared.Load().byType["support.order_placed"] != nil })
	for name, c := range map[string]struct{ path, body, pointer, rule string }{
		"ambiguous name": {"track", `{"userId":"c","event":"Order Placed","properties":{"total":1}}`, "/event", ruleUnknownType},
		"unknown name":   {"track", `{"userId":"c","event":"Ordr Placed"}`, "/event", ruleUnknownType},
		"no event":       {"track", `{"userId":"c"}`, "/event", event.RuleRequired},
		"nobody":         {"page", `{"properties":{}}`, "/userId", event.RuleRequired},
		"wrong property": {"track", `{"userId":"c","event":"checkout.order_placed","properties":{"total":"1"}}`, "/properties/total", event.RuleType},
		"wrong trait":    {"identify", `{"userId":"c","traits":{"email":["a"]}}`, "/traits/email", event.RuleType},
		"no group":       {"group", `{"userId":"c"}`, "/groupId", event.RuleRequired},
		"wrong name":     {"screen", `{"userId":"c","name":5}`, "/name", event.RuleType},
		"wrong object":   {"page", `{"userId":"c","name":"n","properties":[]}`, "/properties", event.RuleType},
		"time":           {"page", `{"userId":"c","timestamp":"1571100000"}`, "/timestamp", event.RuleFormat},
		"duplicate":      {"page", `{"userId":"c","properties":{"a":1,"a":2}}`, "/properties/a", event.RuleDuplicate},
		"type":           {"batch", `{"batch":[{"type":"delete","userId":"c"}]}`, "/type", event.RuleEnum},
		"no type":        {"batch", `{"batch":[{"userId":"c"}]}`, "/type", event.RuleRequired},
	} {
		t.Run(name, func(t *testing.T) {
			res := p.do(request{path: "/v1/" + c.path, body: c.body})
			if res.status < 400 || res.status >= 500 || len(res.Events) != 1 || res.Success {
				t.Fatalf("%d %s", res.status, res.text)
			}
			checkRefused(t, res.Events[0], c.pointer, c.rule)
		})
	}
	for _, broken := range []string{`{"batch":{}}`, `{"batch":[{]}`, `[]`, `{}`} {
		if res := p.do(request{path: "/v1/batch", body: broken}); res.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", broken, res.status, res.text)
		}
	}
}

// Defends retries: a message without an id is taken, and its sender is told the
// id and that sending it again would count twice. A mixed batch is a 200, since
// the libraries would send the good half again.
func TestSegmentMixedBatchAndGeneratedID(t *testing.T) {
	p := start(t)
	res := p.do(request{path: "/v1/b", body: `{"batch":[
		{"type":"track","userId":"c","event":"orderPlaced","properties":{"total":1}},
		{"type":"track","userId":"c","event":"nothing like it","messageId":"m2"}]}`})
	if res.status != http.StatusOK || res.Accepted != 1 || res.Refused != 1 {
		t.Fatalf("%d %s", res.status, res.text)
	}
	if v := res.Events[0]; v.Note != noteGenerated || v.ID == "" || p.only().ID != v.ID {
		t.Errorf("%+v", v)
	}
}

// Defends web pages: any origin may send, with the headers it asks for, and
// sees the answers, errors too.
func TestCORS(t *testing.T) {
	p := start(t)
	origin := http.Header{"Origin": {"https://shop.example"}}
	pre := p.do(request{method: http.MethodOptions, path: "/v1/batch", anonymous: true, header: http.Header{
		"Origin": {"https://shop.example"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type"},
	}})
	if pre.status != http.StatusNoContent || pre.header.Get("Access-Control-Allow-Headers") != "authorization,content-type" ||
		!strings.Contains(pre.header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("preflight: %d %v", pre.status, pre.header)
	}
	for _, res := range []response{pre, p.do(request{path: "/v1/t", anonymous: true, header: origin, body: "{}"})} {
		if res.header.Get("Access-Control-Allow-Origin") != "https://shop.example" || res.header.Get("Vary") != "Origin" {
			t.Errorf("%d: %v", res.status, res.header)
		}
	}
}

// Defends what is kept of a call's context: what the schema declares by name, and
// nothing else, so that no address or device is stored that no declaration shows.
// It never costs an event.
func TestSegmentContext(t *testing.T) {
	page := entryOf(t, "browsing.page_viewed", "page", 1)
	whole := page
	whole.Schema = `{"type":"record","name":"P","fields":[{"name":"context","type":["null",{"type":"record","name":"C","fields":[
		{"name":"locale","type":"string","default":""},{"name":"more","type":{"type":"map","values":"string"},"default":{},"rest":true}]}],"default":null}]}`
	for name, test := range map[string]struct {
		entry                             event.Entry
		context, properties, want, broken string
	}{
		"declared":            {page, `{"ip":"10.0.0.1","userAgent":"curl\/8","locale":"de"}`, `{}`, `"user_agent":"curl/8","ip":"10.0.0.1","method":null,"status":null,"bytes":null,"properties":{}}`, ""},
		"properties win":      {page, `{"ip":"10.0.0.1"}`, `{"ip":"10.0.0.2"}`, `"ip":"10.0.0.2"`, ""},
		"of another kind":     {page, `{"ip":7,"userAgent":{"brand":"x"}}`, `{}`, `"user_agent":null,"ip":null`, ""},
		"not an object":       {page, `["ip"]`, `{}`, `"ip":null`, ""},
		"whole":               {whole, `{"ip":"10.0.0.1","locale":"de","page":{"path":"/"}}`, `{}`, `{"context":{"locale":"de","more":{"ip":"10.0.0.1","page":"{\"path\":\"/\"}"}}}`, ""},
		"whole, wrong inside": {whole, `{"locale":1}`, `{}`, "", "/context/locale"},
	} {
		d := compileDeclarations(event.NewView([]event.Entry{test.entry}), &declarations{})
		s := segmentReader{declarations: d, received: time.Now()}
		var b batch
		in := s.message("page", []byte(`{"userId":"c","messageId":"m","properties":`+test.properties+`,"context":`+test.context+`}`))
		if len(in.violations) > 0 {
			t.Fatalf("%s: %v", name, in.violations)
		}
		violations := in.place(b.encode(&in))
		if test.broken != "" {
			if len(violations) != 1 || violations[0].Pointer != test.broken {
				t.Errorf("%s: the violations are %v, want one at %s", name, violations, test.broken)
			}
			continue
		}
		data, err := in.declared.schema.JSON(in.value)
		if err != nil {
			t.Errorf("%s: %v, %v", name, err, violations)
		} else if !strings.Contains(string(data), test.want) {
			t.Errorf("%s: kept is %s, want %s", name, data, test.want)
		}
	}
}
