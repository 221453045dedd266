package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sort"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/schemas/browsing"
	"headwater.internal/platform/schemas/checkout"
)

// What the events are like. The sizes are those of the case study.
const (
	eventBytes  = 700       // key, headers and value of a raw record
	customers   = 1_000_000 // drawn by Zipf with exponent 1
	duplicates  = 0.006     // sent twice, with id and content
	outOfOrder  = 0.05      // happened up to maxBehind before their neighbours
	maxBehind   = 2 * time.Minute
	bodiesEach  = 2_048 // different data per type
	probesEvery = 50    // one event in so many is of a customer never seen before
	source      = "/bench"
)

// kind is one event type with data made beforehand: making events must cost
// little beside what is measured.
type kind struct {
	eventType, topic string
	schema           *event.Schema
	json             [][]byte
	avro             [][]byte // with the registry's prefix
}

// drawn is one event.
type drawn struct {
	kind, body int
	customer   int // negative: a probe
	id         uint64
	at         time.Time // zero: the gateway's receipt
}

// generator draws events. It is used by one goroutine at a time.
type generator struct {
	random *rand.Rand
	zipf   []float64 // cumulative
	guide  []int32   // by equal parts of zipf's sum: the first customer of each
	kinds  []kind
	recent [1_024]drawn
	count  uint64
	probes int
	nonce  uint64 // tells the ids of two runs apart
}

// newGenerator reads the schema ids from the registry and makes the data.
func newGenerator(ctx context.Context, p *platform, seed uint64) (*generator, error) {
	g := &generator{random: rand.New(rand.NewPCG(seed, 1)), nonce: uint64(time.Now().UnixNano()) << 28} //nolint:gosec // no secret
	sum := 0.0
	g.zipf = make([]float64, customers)
	for i := range g.zipf {
		sum += 1 / float64(i+1)
		g.zipf[i] = sum
	}
	g.guide = guide(g.zipf)
	client, err := sr.NewClient(sr.URLs(p.place.RegistryURL))
	if err != nil {
		return nil, err
	}
	words := g.words()
	for _, k := range []kind{
		{eventType: browsing.PageViewedType, topic: browsing.PageViewedTopic},
		{eventType: browsing.ProductViewedType, topic: browsing.ProductViewedTopic},
		{eventType: checkout.OrderPlacedType, topic: checkout.OrderPlacedTopic},
	} {
		latest, err := client.SchemaByVersion(ctx, k.topic+"-value", -1)
		if err != nil {
			return nil, fmt.Errorf("find the schema of %s: %w", k.topic, err)
		}
		if k.schema, err = event.CompileSchema(latest.ID, latest.Schema.Schema); err != nil {
			return nil, err
		}
		if err := g.fill(&k, words); err != nil {
			return nil, err
		}
		g.kinds = append(g.kinds, k)
	}
	return g, nil
}

// shares of the kinds, cumulative: 70% page views, 20% product views, 10% orders.
var shares = [...]float64{.7, .9, 1}

func (g *generator) words() []string {
	words := make([]string, 3_000)
	for i := range words {
		word := make([]byte, 3+g.random.IntN(8))
		for j := range word {
			word[j] = byte('a' + g.random.IntN(26)) //nolint:gosec // a letter
		}
		words[i] = string(word)
	}
	return words
}

// fill makes the data of one kind, each as long as it takes for a record of
// eventBytes.
func (g *generator) fill(k *kind, words []string) error {
	for range bodiesEach {
		phrase := ""
		for {
			text := g.data(k.eventType, words, phrase)
			value, violations := k.schema.EncodeJSON(nil, text)
			if len(violations) > 0 {
				return fmt.Errorf("make %s: %v", k.eventType, violations)
			}
			missing := eventBytes - recordSize(g.record(k, drawn{customer: 100_000, at: time.Now()}, value, time.Now()))
			if missing <= 0 {
				k.json, k.avro = append(k.json, text), append(k.avro, value)
				break
			}
			word := words[g.random.IntN(len(words))] + "-"
			phrase += word[:min(len(word), missing)]
		}
	}
	return nil
}

func (g *generator) data(eventType string, words []string, phrase string) []byte {
	word := func() string { return words[g.random.IntN(len(words))] }
	number := func(n int) string { return strconv.Itoa(g.random.IntN(n)) }
	switch eventType {
	case browsing.PageViewedType:
		return fmt.Appendf(nil, `{"url":"https://shop.example/%s/%s?ref=%s","path":"/%s","title":"%s %s","user_agent":"Mozilla/5.0 (X11; Linux x86_64) Chrome/1%s","status":200,"bytes":%s,"experiment":"%s","properties_note":"%s"}`,
			word(), word(), number(1e6), word(), word(), word(), number(50), number(90_000), word(), phrase)
	case browsing.ProductViewedType:
		return fmt.Appendf(nil, `{"product_id":"p-%s","sku":"s-%s","name":"%s %s","category":"%s.%s","brand":"%s","price":%s.25,"currency":"EUR","position":%s,"url":"https://shop.example/p/%s"}`,
			number(1e5), number(1e6), word(), word(), word(), word(), word(), number(900), number(50), phrase)
	default:
		return fmt.Appendf(nil, `{"total":%s.5,"currency":"EUR","order_id":"o-%s","coupon":"%s","payment_method":"card","products":[{"product_id":"p-%s","price":12.5,"quantity":2},{"product_id":"p-%s","name":"%s","price":99.0,"quantity":1}]}`,
			number(500), number(1e9), word(), number(1e5), number(1e5), phrase)
	}
}

// next draws an event that happens at that time.
func (g *generator) next(at time.Time) drawn {
	g.count++
	if g.count > uint64(len(g.recent)) && g.random.Float64() < duplicates {
		return g.recent[g.random.IntN(len(g.recent))]
	}
	d := drawn{body: g.random.IntN(bodiesEach), id: g.nonce + g.count, at: at}
	share := g.random.Float64()
	for share > shares[d.kind] {
		d.kind++
	}
	d.customer = g.drawCustomer(g.random.Float64())
	if g.random.Float64() < outOfOrder {
		d.at = at.Add(-time.Second - rand.N(maxBehind)) //nolint:gosec // no secret
	}
	g.recent[g.count%uint64(len(g.recent))] = d
	return d
}

// guideParts is how many parts the customers are drawn by: a part of the sum
// holds about a hundred customers at most.
const guideParts = 1 << 17

// guide makes a table that a customer is found with in a step or two, where a
// search through all of them waits for memory twenty times.
func guide(cumulative []float64) []int32 {
	table := make([]int32, guideParts+1)
	sum, at := cumulative[len(cumulative)-1], int32(0)
	for i := range table {
		for at < customers-1 && cumulative[at] < sum*float64(i)/guideParts {
			at++
		}
		table[i] = at
	}
	return table
}

// drawCustomer returns the customer at the given part, of 1, of the sum.
func (g *generator) drawCustomer(part float64) int {
	i := int(part * guideParts)
	from, to := int(g.guide[i]), int(g.guide[i+1])
	return from + sort.SearchFloat64s(g.zipf[from:to], part*g.zipf[customers-1])
}

// probe draws an event of a customer never seen before, without a time of its
// own: its session begins at its receipt, which is how latency is read off.
func (g *generator) probe() drawn {
	g.count++
	g.probes++
	return drawn{body: g.random.IntN(bodiesEach), id: g.nonce + g.count, customer: -g.probes}
}

const probePrefix = "probe-"

func (g *generator) customer(d drawn) string {
	if d.customer < 0 {
		return probePrefix + strconv.FormatUint(g.nonce>>40, 36) + strconv.Itoa(-d.customer)
	}
	return "customer-" + strconv.Itoa(d.customer)
}

// appendJSON writes the event as CloudEvents JSON.
func (g *generator) appendJSON(b []byte, d drawn) []byte {
	k := &g.kinds[d.kind]
	b = append(b, `{"specversion":"1.0","id":"`...)
	b = strconv.AppendUint(b, d.id, 16)
	b = append(append(b, `","source":"`+source+`","type":"`...), k.eventType...)
	b = append(append(b, `","subject":"`...), g.customer(d)...)
	if !d.at.IsZero() {
		b = append(b, `","time":"`...)
		b = d.at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	}
	b = append(append(b, `","data":`...), k.json[d.body]...)
	return append(b, '}')
}

// record is the event as the gateway would write it.
func (g *generator) record(k *kind, d drawn, value []byte, received time.Time) *kgo.Record {
	e := event.Envelope{
		ID: strconv.FormatUint(d.id|1<<60, 16), Source: source, Type: k.eventType, Subject: g.customer(d),
		Time: d.at.Truncate(time.Millisecond), ReceivedTime: received.Truncate(time.Millisecond),
	}
	return &kgo.Record{Topic: k.topic, Key: []byte(e.Subject), Value: value, Headers: e.Headers(), Timestamp: received}
}

func recordSize(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// recordBytes is the mean size of a raw record.
func (g *generator) recordBytes() int {
	sum, n := 0, 0
	for i := range g.kinds {
		for _, value := range g.kinds[i].avro {
			sum, n = sum+recordSize(g.record(&g.kinds[i], drawn{customer: 100_000, at: time.Now()}, value, time.Now())), n+1
		}
	}
	return sum / n
}
