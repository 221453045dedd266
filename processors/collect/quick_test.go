package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// someDeclarations are those of the events in test use.
func someDeclarations(tb testing.TB) *declarations {
	tb.Helper()
	var entries []event.Entry
	for eventType, call := range declaredEvents {
		entries = append(entries, entryOf(tb, eventType, call, 1))
	}
	retired := entryOf(tb, "checkout.order_placed", "", 2)
	retired.Type, retired.Name, retired.Retired = "checkout.order_retired", "order_retired", true
	broken := entryOf(tb, "checkout.order_placed", "", 3)
	broken.Type, broken.Name, broken.Schema = "checkout.order_broken", "order_broken", "{"
	return compileDeclarations(event.NewView(append(entries, retired, broken)), &declarations{})
}

// outcome is what becomes of a request, up to the brokers.
type outcome struct {
	Refused  string // the whole request
	Verdicts []verdict
	Records  []kgo.Record
}

// outcomeOf reads a request and admits its events.
func outcomeOf(b *batch, read func() *event.Violation) outcome {
	b.gateway = &gateway{}
	if v := read(); v != nil {
		return outcome{Refused: v.String()}
	}
	received := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b.verdicts = make([]verdict, len(b.events))
	b.records = make([]kgo.Record, len(b.events))
	for i := range b.events {
		b.gateway.admit(b, i, received)
	}
	return outcome{Verdicts: b.verdicts, Records: b.records}
}

// slowly reads with the general parser alone.
func slowly(b *batch, d *declarations, body []byte) *event.Violation {
	list, v := elements(body)
	for i := range list {
		b.events = append(b.events, d.structured(list[i]))
	}
	return v
}

// Defends the strictness of validation: the quick way takes nothing, and makes
// nothing of it, that the general parser does not.
func FuzzQuick(f *testing.F) {
	d := someDeclarations(f)
	for _, body := range quickSeeds() {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		original := bytes.Clone(body)
		var quick, slow batch
		got := outcomeOf(&quick, func() *event.Violation { return quick.readBatch(d, body) })
		want := outcomeOf(&slow, func() *event.Violation { return slowly(&slow, d, body) })
		sameOutcome(t, got, want)
		quick, slow = batch{}, batch{}
		got = outcomeOf(&quick, func() *event.Violation {
			if !quick.quickOne(d, body) {
				quick.events = append(quick.events[:0], d.structured(body))
			}
			return nil
		})
		want = outcomeOf(&slow, func() *event.Violation { slow.events = []incoming{d.structured(body)}; return nil })
		sameOutcome(t, got, want)
		if !bytes.Equal(body, original) {
			t.Error("the body changed")
		}
	})
}

func sameOutcome(t *testing.T, got, want outcome) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(kgo.Record{}, kgo.RecordAttrs{})); diff != "" {
		t.Errorf("the quick way has another outcome (-general +quick):\n%s", diff)
	}
}

// quickSeeds are requests at the edges of what the quick way takes.
func quickSeeds() []string {
	one := order()
	seeds := []string{
		one, "[" + one + "]", "[]", "[" + one + "," + one + "]", " [ " + one + " , " + one + " ] ", "[" + one + ",]", "[" + one + "]x", "[" + one + "]\x00",
		"[" + one, "[" + one + ",1]", "[" + one + `,"x"]`, "{}", "[{}]", "[[" + one + "]]", one + one, one + "\x00", " " + one + "\n", "",
	}
	for _, change := range [][2]string{
		{`"o1"`, `"a\"b"`},
		{`"o1"`, `"a\\"`},
		{`"o1"`, `"\u0041"`},
		{`"o1"`, `"\ud800"`},
		{`"o1"`, "\"\xff\""},
		{`"o1"`, "\"\x01\""},
		{`"o1"`, `"}"`},
		{`"o1"`, `"]"`},
		{`"o1"`, `"o1","order_id":"o2"`},
		{`"o1"`, `"o1","note":{"a":[1,{"b":"}"}]}`},
		{`"o1"`, `"o1","a":[}`},
		{`"o1"}`, `"o1"]`},
		{`12.5`, `true`},
		{`12.5`, `01`},
		{`"id":"e1"`, `"id":"e1","id":"e2"`},
		{`"id":"e1"`, `"id":null`},
		{`"id":"e1"`, `"id":1`},
		{`"id":"e1"`, `"id":""`},
		{`"id":"e1"`, `"id":"é"`},
		{`"id":"e1"`, `"id":"\u0065"`},
		{`"id":"e1"`, `"id":"e1","extension":"x"`},
		{`"id":"e1"`, `"id":"e1","data_base64":"AA=="`},
		{`"id":"e1"`, `"id" : "e1"`},
		{`"id":"e1"`, `"id":"e1","ID":"x"`},
		{`"id":"e1"`, `"id":"e1","traceparent":"00-1","anonymousid":"a","senttime":"2026-03-01T12:00:00+01:00"`},
		{`"id":"e1"`, `"id":"e1","senttime":"soon"`},
		{`"id":"e1"`, `"id":"e1","datacontenttype":"application/json"`},
		{`"id":"e1"`, `"id":"e1","datacontenttype":"text/plain"`},
		{`"id":"e1"`, `"id":"e1","datacontenttype":""`},
		{`"1.0"`, `"0.3"`},
		{`"specversion":"1.0",`, ``},
		{`,"subject":"c1"`, ``},
		{`,"time":"2026-03-01T12:00:00Z"`, ``},
		{`2026-03-01T12:00:00Z`, `2026-03-01T14:00:00.123456789+02:00`},
		{`2026-03-01T12:00:00Z`, `2036-03-01T12:00:00Z`},
		{`2026-03-01T12:00:00Z`, ``},
		{`2026-03-01T12:00:00Z`, `2026-03-01 12:00:00Z`},
		{`2026-03-01T12:00:00Z`, `0001-01-01T00:00:00Z`},
		{`order_placed`, `order_retired`},
		{`order_placed`, `order_broken`},
		{`order_placed`, `order_unknown`},
		{`{"total":12.5,"order_id":"o1"}`, `null`},
		{`{"total":12.5,"order_id":"o1"}`, `[]`},
		{`{"total":12.5,"order_id":"o1"}`, `{"a":1}}`},
		{`{"total":12.5,"order_id":"o1"}`, `{"a":1`},
		{`,"data":{"total":12.5,"order_id":"o1"}`, ``},
		{`"o1"}`, `"o1","x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`},
		{`"o1"`, `"` + strings.Repeat("x", maxEventBytes) + `"`},
		{`checkout.order_placed","subject":"c1","time":"2026-03-01T12:00:00Z","data":{"total":12.5,"order_id":"o1"}`, `browsing.page_viewed","subject":"c1","data":{}`},
	} {
		changed := strings.Replace(one, change[0], change[1], 1)
		seeds = append(seeds, changed, "["+changed+"]", "["+one+","+changed+","+one+"]")
	}
	return seeds
}

// Defends the quick way's use: usual events take it, with a broken neighbour too.
func TestQuickTakesUsualEvents(t *testing.T) {
	d := someDeclarations(t)
	b := batch{gateway: &gateway{}}
	slow, ok := b.quickBatch(d, []byte("["+order()+",\n"+order("12.5", "true")+","+order("e1", "e2")+"]"))
	if !ok || !slices.Equal(slow, []int{1}) {
		t.Errorf("it gave up on events %v, want the second alone (%t)", slow, ok)
	}
	if !b.quickOne(d, []byte(order())) {
		t.Error("it gave up on a single event")
	}
}

const requestEvents = 100

// One event of a hundred in a request, from JSON to a record, without HTTP and
// brokers.
func BenchmarkAdmit(b *testing.B) {
	feed := feeder(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%requestEvents == 0 {
			feed()
		}
	}
}

// feeder returns a function that makes records of one request of page views,
// 700 bytes each.
func feeder(tb testing.TB) func() {
	d := someDeclarations(tb)
	g := &gateway{}
	body := []byte("[")
	for i := range requestEvents {
		body = fmt.Appendf(body, `{"specversion":"1.0","id":"%x","source":"/shop","type":"browsing.page_viewed","subject":"customer-%d","time":"2026-03-01T12:00:00.%03dZ",`+
			`"data":{"url":"https://shop.example/a/b?ref=%d","path":"/a","title":"some words","user_agent":"Mozilla/5.0 (X11; Linux x86_64) Chrome/121","status":200,"bytes":%d,"experiment":"e","note":"%s"}},`,
			1<<60+i, i, i, i, i, strings.Repeat("words-", 40))
	}
	body[len(body)-1] = ']'
	received := time.Now()
	return func() {
		b := g.newBatch()
		defer b.close()
		if v := b.readBatch(d, body); v != nil {
			tb.Fatal(v)
		}
		b.verdicts = make([]verdict, len(b.events))
		b.records = slices.Grow(b.records[:0], len(b.events))[:len(b.events)]
		for i := range b.events {
			g.admit(b, i, received)
		}
		for _, v := range b.verdicts {
			if v.Verdict != retry {
				tb.Fatalf("the verdict is %+v", v)
			}
		}
		b.open = 0 // nothing is produced
	}
}
