package chaos

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/schemas/account"
	"headwater.internal/platform/schemas/browsing"
	"headwater.internal/platform/schemas/checkout"
	"headwater.internal/platform/schemas/support"
)

// headerBroken says what the generator made wrong with a record: the class that
// its dead letter must have. The processors know nothing of it.
const headerBroken = "chaos_broken"

// kind is one event type of the mix.
type kind struct {
	eventType, topic string
	weight           int
	body             func(n int, rng *rand.Rand) any
	schema           *event.Schema
}

func mix() []*kind {
	return []*kind{
		{eventType: browsing.PageViewedType, topic: browsing.PageViewedTopic, weight: 55, body: func(n int, _ *rand.Rand) any {
			return &browsing.PageViewed{URL: new(fmt.Sprintf("https://example.com/%d", n)), Properties: map[string]string{"n": "1"}}
		}},
		{eventType: browsing.ProductViewedType, topic: browsing.ProductViewedTopic, weight: 20, body: func(n int, _ *rand.Rand) any {
			return &browsing.ProductViewed{ProductID: fmt.Sprintf("p-%d", n)}
		}},
		{eventType: checkout.ProductAddedType, topic: checkout.ProductAddedTopic, weight: 12, body: func(n int, _ *rand.Rand) any {
			return &checkout.ProductAdded{ProductID: fmt.Sprintf("p-%d", n)}
		}},
		{eventType: checkout.OrderPlacedType, topic: checkout.OrderPlacedTopic, weight: 8, body: func(n int, rng *rand.Rand) any {
			return &checkout.OrderPlaced{OrderID: new(fmt.Sprintf("o-%d", n)), Total: float64(rng.IntN(50_000)) / 100}
		}},
		{eventType: support.TicketOpenedType, topic: support.TicketOpenedTopic, weight: 3, body: func(n int, _ *rand.Rand) any {
			return &support.TicketOpened{TicketID: fmt.Sprintf("t-%d", n), Subject: "help", Channel: "email", Priority: "normal"}
		}},
		{eventType: account.CustomerIdentifiedType, topic: account.CustomerIdentifiedTopic, weight: 2, body: func(n int, _ *rand.Rand) any {
			return &account.CustomerIdentified{Name: new(fmt.Sprintf("name-%d", n)), Traits: map[string]string{}}
		}},
	}
}

// sent is an event as it was sent, so that it can be sent again.
type sent struct {
	kind     *kind
	n        int
	envelope event.Envelope
	value    []byte
}

// generator draws the records of a run. The same seed gives the same ones, but
// for the times, which are counted from base.
type generator struct {
	rng      *rand.Rand
	zipf     *rand.Zipf
	kinds    []*kind
	settings settings
	base     time.Time // of the events that happen now
	midnight time.Time // in the middle of those that happened before
	recent   []sent
	n        int
}

// customers is how many there may be; by Zipf's law most are rare.
const customers = 30_000

func newGenerator(s settings, kinds []*kind, base time.Time) *generator {
	rng := rand.New(rand.NewPCG(s.seed, 2))
	midnight := base.UTC().Truncate(24 * time.Hour)
	if base.Sub(midnight) < past {
		midnight = midnight.Add(-24 * time.Hour)
	}
	return &generator{
		rng: rng, zipf: rand.NewZipf(rng, 1.05, 2, customers-1), kinds: kinds, settings: s,
		base: base, midnight: midnight, recent: make([]sent, 0, remembered),
	}
}

const (
	past       = 4 * time.Hour // that the replayed events span, half of it before midnight
	remembered = 3_000         // events that may be sent again
)

// next is the next record, as the collector would write it.
func (g *generator) next() *kgo.Record {
	g.n++
	switch draw := g.rng.IntN(10_000); {
	case draw < 200 && len(g.recent) > 0:
		return g.again()
	case draw < 210 && len(g.recent) > 0:
		return g.collision()
	case draw < 225:
		return g.poison()
	default:
		return g.fresh()
	}
}

func (g *generator) fresh() *kgo.Record {
	s := g.draw()
	if len(g.recent) < remembered {
		g.recent = append(g.recent, s)
	} else {
		g.recent[g.n%remembered] = s
	}
	return s.record()
}

func (g *generator) draw() sent {
	k := g.kinds[g.weighted()]
	who := int(g.zipf.Uint64())
	s := sent{kind: k, n: g.n, envelope: event.Envelope{
		ID: fmt.Sprintf("e-%d", g.n), Source: "chaos", Type: k.eventType, Time: g.when(who),
	}}
	switch {
	case k.eventType == account.CustomerIdentifiedType:
		s.envelope.AnonymousID, s.envelope.Subject = g.identified(who)
	case who%10 >= visitorsFrom:
		s.envelope.AnonymousID = visitor(who)
	default:
		s.envelope.Subject = fmt.Sprintf("customer-%d", who)
		if g.rng.IntN(20) == 0 { // a customer whose device is known too
			s.envelope.AnonymousID = visitor(who + visitorsFrom)
		}
	}
	s.value = g.encode(k)
	return s
}

// visitorsFrom is the last digit from which on a number is an anonymous id.
const visitorsFrom = 7

func visitor(who int) string { return fmt.Sprintf("visitor-%d", who) }

// identified is who a visitor turned out to be: mostly always the same customer,
// at times another one, or a visitor who may turn out to be somebody too, so that
// links make chains and circles.
func (g *generator) identified(who int) (anonymous, customer string) {
	number := who/10*10 + visitorsFrom + g.rng.IntN(10-visitorsFrom)
	switch g.rng.IntN(12) {
	case 0:
		return visitor(number), fmt.Sprintf("customer-%d", g.rng.IntN(customers/10)*10)
	case 1:
		return visitor(number), visitor(g.rng.IntN(20)*10 + visitorsFrom)
	default:
		return visitor(number), fmt.Sprintf("customer-%d", number/10*10)
	}
}

func (g *generator) weighted() int {
	n := g.rng.IntN(100)
	for i, k := range g.kinds {
		if n -= k.weight; n < 0 {
			return i
		}
	}
	return 0
}

func (g *generator) encode(k *kind) []byte {
	value, err := k.schema.Encode(nil, k.body(g.n, g.rng))
	if err != nil {
		panic(err) // the structs are generated from these schemas
	}
	return value
}

// when is the event time. Some customers act now; what others did comes from a
// queue of the past, in visits of seconds, so that their sessions begin, close,
// reopen and merge. One event in twenty comes late.
func (g *generator) when(who int) time.Time {
	late := g.rng.IntN(20) == 0
	if who%10 < 3 {
		at := g.base.Add(time.Duration(g.n) * time.Second / time.Duration(g.settings.rate))
		if late {
			at = at.Add(-time.Duration(g.rng.IntN(30_000)) * time.Millisecond)
		}
		return at.Truncate(time.Millisecond)
	}
	at := g.midnight.Add(-past/2 + past*time.Duration(g.n)/time.Duration(g.settings.events))
	if late {
		at = at.Add(-time.Duration(g.rng.IntN(1_200)) * time.Second)
	}
	h := fnv.New32()
	fmt.Fprint(h, who)
	visit := time.Duration(h.Sum32()%60) * time.Second
	return at.Truncate(2 * time.Minute).Add(visit + time.Duration(g.rng.IntN(40_000))*time.Millisecond)
}

func (s sent) record() *kgo.Record {
	now := time.Now()
	s.envelope.ReceivedTime = now.Truncate(time.Millisecond)
	return &kgo.Record{
		Topic: s.kind.topic, Key: []byte(s.envelope.Customer()), Value: s.value,
		Headers: s.envelope.Headers(), Timestamp: now,
	}
}

// again is an event that a sender was not sure of.
func (g *generator) again() *kgo.Record {
	return g.recent[g.rng.IntN(len(g.recent))].record()
}

// collision is another event under an id that was used.
func (g *generator) collision() *kgo.Record {
	s := g.recent[g.rng.IntN(len(g.recent))]
	s.value = g.encode(s.kind)
	return broken(s.record(), "id_collision")
}

// poison is a record that no rule can take. Those that a task waits for are few,
// since it waits for seconds.
func (g *generator) poison() *kgo.Record {
	s := g.draw()
	r := s.record()
	switch g.rng.IntN(40) {
	case 0:
		r.Value = append([]byte{0, 0, 15, 0, 0}, r.Value[5:]...)
		return broken(r, "unknown_schema")
	case 1:
		s.envelope.Type = "chaos.never_declared"
		r.Headers = s.envelope.Headers()
		return broken(r, "unknown_type")
	case 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14:
		s.envelope.ID = ""
		r.Headers = s.envelope.Headers()
		return broken(r, "bad_envelope")
	case 15, 16, 17, 18, 19:
		r.Value = []byte("not Avro")
		return broken(r, "bad_schema_id")
	default:
		r.Value = r.Value[:6] // the body ends early
		return broken(r, "bad_payload")
	}
}

func broken(r *kgo.Record, class string) *kgo.Record {
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: headerBroken, Value: []byte(class)})
	return r
}
