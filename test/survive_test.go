package test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// What was acknowledged survives the platform's sudden death, in the middle of
// traffic, and is counted exactly once after `up`.
func TestKillLosesNothing(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	p.up()

	var mu sync.Mutex
	acknowledged := 0
	var senders sync.WaitGroup
	stop := make(chan struct{})
	for s := range 2 {
		senders.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				_, err := p.try("send", "browsing.page_viewed", "--customer", fmt.Sprintf("kill-%d-%d", s, i%5),
					"--id", fmt.Sprintf("kill-%d-%d", s, i), "--data", `{"url":"https://example.com/"}`)
				if err == nil {
					mu.Lock()
					acknowledged++
					mu.Unlock()
				}
			}
		})
	}
	time.Sleep(4 * time.Second)
	p.kill()
	close(stop)
	senders.Wait()
	if acknowledged == 0 {
		t.Fatal("nothing was acknowledged before the kill: the test shows nothing")
	}

	if out := p.up(); !strings.Contains(out, "No changes") {
		t.Errorf("up after the kill changed the platform:\n%s", out)
	}
	// A send whose answer was lost in the kill may be on the broker too, so there
	// can be more than were acknowledged, never fewer, and never one twice.
	raw := map[string]int{}
	for _, r := range p.tail("raw.browsing.page-viewed") {
		raw[r.Headers["ce_id"]]++
	}
	if len(raw) < acknowledged {
		t.Errorf("%d events on the raw topic, %d were acknowledged", len(raw), acknowledged)
	}
	waitFor(t, time.Minute, "every raw event to be counted once", func() bool {
		return p.allTime()["browsing.page_viewed"].Events == int64(len(raw))
	})
}

// A second `up` is idempotent and a stop keeps everything.
func TestUpIsIdempotent(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	first := p.run("up", "--source", p.source, "--sample")
	before := p.allTime()
	if before["*"].Events == 0 {
		t.Fatalf("the sample was not counted:\n%s", first)
	}
	second := p.run("up", "--source", p.source, "--sample")
	if !strings.Contains(second, "No changes") {
		t.Errorf("the second up changed something:\n%s", second)
	}
	p.run("down")
	third := p.run("up", "--source", p.source, "--sample")
	if !strings.Contains(third, "No changes") {
		t.Errorf("up after down changed something:\n%s", third)
	}
	if after := p.allTime(); after["*"] != before["*"] {
		t.Errorf("counts were %+v and are %+v", before["*"], after["*"])
	}
}
