package survive

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"headwater.internal/platform/schemas/browsing"
	"headwater.internal/platform/schemas/checkout"
)

// batchSize is how many events a request carries, senders how many requests may be
// under way, so that a stall of seconds does not slow the schedule down.
const (
	batchSize = 10
	senders   = 100
)

// resendAfter is how long a sender waits before it sends a request again;
// patience how long it does so at the most.
const (
	resendAfter = 100 * time.Millisecond
	patience    = 2 * time.Minute
)

// load sends numbered events to the gateway at a rate, again until the gateway has
// acknowledged them: a sender as CloudEvents wants it.
type load struct {
	p      *platform
	rate   int
	client http.Client

	cancel context.CancelFunc
	group  sync.WaitGroup

	mu       sync.Mutex
	next     int // number of the event that is sent next
	acked    []bool
	counters counters
	slowest  time.Duration
	broken   []string // what trying again must not mend
}

// counters only grow.
type counters struct {
	sent, acked, again int
	at                 time.Time
}

func newLoad(p *platform, rate int) *load {
	l := &load{p: p, rate: rate}
	l.client.Transport = &http.Transport{MaxIdleConnsPerHost: senders}
	l.client.Timeout = 30 * time.Second // the gateway answers within 10 s
	p.t.Cleanup(func() {
		if l.cancel != nil {
			l.cancel()
		}
		l.group.Wait()
	})
	return l
}

// start begins to send.
func (l *load) start() counters {
	ctx, cancel := context.WithCancel(context.Background())
	l.mu.Lock()
	l.cancel, l.slowest, l.counters.at = cancel, 0, time.Now()
	began := l.counters
	l.mu.Unlock()
	requests := make(chan int)
	l.group.Go(func() { l.schedule(ctx, requests) })
	for range senders {
		l.group.Go(func() {
			for first := range requests {
				l.send(first)
			}
		})
	}
	return began
}

// schedule hands out requests at the times that they are due.
func (l *load) schedule(ctx context.Context, requests chan<- int) {
	defer close(requests)
	begun := time.Now()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(begun.Add(time.Duration(n*batchSize) * time.Second / time.Duration(l.rate)))):
		}
		l.mu.Lock()
		first := l.next
		l.next += batchSize
		l.counters.sent += batchSize
		l.acked = append(l.acked, make([]bool, batchSize)...)
		l.mu.Unlock()
		requests <- first // a sender takes it in the end: each gives up in time
	}
}

// stop returns when every event that was sent is acknowledged, or was given up.
func (l *load) stop() progress {
	l.mu.Lock()
	ended := time.Now()
	l.cancel()
	l.mu.Unlock()
	l.group.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	done := l.counters
	done.at = ended
	return progress{done, l.slowest}
}

// progress is what a load did.
type progress struct {
	counters

	slowest time.Duration
}

// since says it in words.
func (p progress) since(began counters) string {
	sent, took := p.sent-began.sent, p.at.Sub(began.at)
	return fmt.Sprintf("%d events in %s, %.0f/s, %d acknowledged, %d sent again, the slowest acknowledged after %s",
		sent, took.Round(time.Second), float64(sent)/took.Seconds(), p.acked-began.acked, p.again-began.again, p.slowest.Round(time.Millisecond))
}

// send sends one request until it is acknowledged.
func (l *load) send(first int) {
	begun := time.Now()
	body := render(first, begun)
	for {
		err := l.post(body, first)
		l.mu.Lock()
		if err == nil {
			l.slowest = max(l.slowest, time.Since(begun))
			l.mu.Unlock()
			return
		}
		if again, ok := err.(againError); ok && time.Since(begun) < patience { //nolint:errorlint // it is not wrapped
			l.counters.again += int(again)
			l.mu.Unlock()
			time.Sleep(resendAfter)
			continue
		}
		l.broken = append(l.broken, fmt.Sprintf("events %d to %d: %v", first, first+batchSize-1, err))
		l.mu.Unlock()
		return
	}
}

// againError says how many events of a request have to be sent again.
type againError int

func (e againError) Error() string {
	return fmt.Sprintf("%d events are still to be sent again", int(e))
}

// post sends the request once and notes what is acknowledged. A connection that
// breaks is an error that stays: nothing that is done to brokers may end the gateway.
func (l *load) post(body []byte, first int) error {
	req, err := http.NewRequest(http.MethodPost, l.p.place.CollectorURL+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/cloudevents-batch+json")
	req.Header.Set("X-Write-Key", l.p.writeKey)
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Retry  int `json:"retry"`
		Events []struct {
			Index   int    `json:"index"`
			Verdict string `json:"verdict"`
		} `json:"events"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Events) != batchSize {
		return fmt.Errorf("the gateway answers %d: %.300s", resp.StatusCode, text)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range answer.Events {
		switch v.Verdict {
		case "accepted":
			if n := first + v.Index; !l.acked[n] {
				l.acked[n] = true
				l.counters.acked++
			}
		case "retry":
		default:
			return fmt.Errorf("the gateway answers %d: %.300s", resp.StatusCode, text)
		}
	}
	if answer.Retry > 0 {
		return againError(answer.Retry)
	}
	return nil
}

// customers is how many different ones send events.
const customers = 5_000

// eventTypes are what is sent, by turns: type and data.
var eventTypes = []struct{ name, data string }{
	{browsing.PageViewedType, `{"url":"https://example.com/%d"}`},
	{browsing.PageViewedType, `{"url":"https://example.com/list/%d"}`},
	{browsing.ProductViewedType, `{"product_id":"p-%d"}`},
	{checkout.OrderPlacedType, `{"order_id":"o-%d","total":12.5,"currency":"EUR"}`},
}

// rawTopics are where these stand first.
var rawTopics = []string{browsing.PageViewedTopic, browsing.ProductViewedTopic, checkout.OrderPlacedTopic}

func typeOf(n int) string { return eventTypes[n%len(eventTypes)].name }

// idPrefix stands before an event's number in its id.
const idPrefix = "survive-"

// render is a request of batchSize events. What is sent again is the same.
func render(first int, now time.Time) []byte {
	b := []byte("[")
	at := now.UTC().Format(time.RFC3339Nano)
	for n := first; n < first+batchSize; n++ {
		kind := eventTypes[n%len(eventTypes)]
		b = fmt.Appendf(b, `{"specversion":"1.0","id":"%s%d","source":"/survive","type":"%s","subject":"customer-%d","time":"%s","data":`+kind.data+`},`,
			idPrefix, n, kind.name, n*7919%customers, at, n)
	}
	return append(b[:len(b)-1], ']')
}

// numberOf is the reverse of an event's id; -1 for one that is not of this load.
func numberOf(id string) int {
	text, ok := cutPrefix(id)
	n, err := strconv.Atoi(text)
	if !ok || err != nil {
		return -1
	}
	return n
}

func cutPrefix(id string) (string, bool) {
	if len(id) < len(idPrefix) || id[:len(idPrefix)] != idPrefix {
		return "", false
	}
	return id[len(idPrefix):], true
}

// errors are what trying again did not mend.
func (l *load) errors() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.broken)
}
