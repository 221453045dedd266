package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load sends events to the gateway at a rate, in requests that are due at fixed
// times: a gateway that is slow does not slow the schedule down until all
// senders wait for it, and then the rate that was reached says so.
type load struct {
	p      *platform
	client http.Client
	cancel context.CancelFunc
	group  sync.WaitGroup

	rate, batch, probes int

	mu    sync.Mutex // over what follows: the generator is one goroutine's
	g     *generator
	next  int // number of the request that is due next
	begun time.Time
	took  []time.Duration
	err   error

	acknowledged atomic.Int64
}

// senders bounds the requests under way.
const senders = 24

// startLoad begins to send. One event in probes is of a new customer; zero for
// none.
func startLoad(ctx context.Context, p *platform, g *generator, rate, probes int) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{
		p: p, g: g, rate: rate, probes: probes, cancel: cancel, begun: time.Now(),
		// 200 requests a second, as of many senders, until requests get large.
		batch: min(max(rate/200, 1), 250),
	}
	// A request goes out in one write: the generator is not what is measured.
	l.client.Transport = &http.Transport{MaxIdleConnsPerHost: senders, WriteBufferSize: 256 << 10}
	for range senders {
		l.group.Go(func() { l.send(ctx) })
	}
	return l
}

func (l *load) stop() {
	l.cancel()
	l.group.Wait()
	l.client.CloseIdleConnections()
}

func (l *load) sent() int64 { return l.acknowledged.Load() }

func (l *load) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// requestP99 is in milliseconds.
func (l *load) requestP99() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return percentile(l.took, .99)
}

// percentile is in milliseconds.
func percentile(list []time.Duration, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return float64(sorted[int(q*float64(len(sorted)-1))].Microseconds()) / 1e3
}

func (l *load) send(ctx context.Context) {
	var body []byte
	for ctx.Err() == nil {
		l.mu.Lock()
		due := l.begun.Add(time.Duration(l.next) * time.Duration(l.batch) * time.Second / time.Duration(l.rate))
		l.next++
		l.mu.Unlock()
		if !pause(ctx, time.Until(due)) {
			return
		}
		l.mu.Lock()
		body = l.render(body[:0])
		l.mu.Unlock()
		begun := time.Now()
		err := l.post(ctx, body)
		if ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		l.took = append(l.took, time.Since(begun))
		if err != nil && l.err == nil {
			l.err = err
		}
		l.mu.Unlock()
	}
}

func (l *load) render(b []byte) []byte {
	now := time.Now()
	b = append(b, '[')
	for i := range l.batch {
		if i > 0 {
			b = append(b, ',')
		}
		var d drawn
		if l.probes > 0 && int(l.g.count)%l.probes == 0 { //nolint:gosec // a count
			d = l.g.probe()
		} else {
			d = l.g.next(now)
		}
		b = l.g.appendJSON(b, d)
	}
	return append(b, ']')
}

func (l *load) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.p.place.CollectorURL+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/cloudevents-batch+json")
	req.Header.Set("X-Write-Key", l.p.secrets.WriteKeys["local"])
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	// 202: all of them were accepted.
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the gateway answers %d: %.300s", resp.StatusCode, answer)
	}
	l.acknowledged.Add(int64(l.batch))
	return nil
}
