package autoscale

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/supervisor"
)

// generator writes numbered records at a rate that the test changes.
type generator struct {
	p    *platform
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex
	rate float64 // records per second
	sent int64   // and so the last id
	err  error
}

const keys = 20 * partitions

func (p *platform) generate() *generator {
	ctx, stop := context.WithCancel(context.Background())
	g := &generator{p: p, stop: stop, done: make(chan struct{})}
	go g.run(ctx)
	p.t.Cleanup(g.end)
	return g
}

func (g *generator) run(ctx context.Context) {
	defer close(g.done)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	due, last := 0.0, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			g.mu.Lock()
			due += g.rate * now.Sub(last).Seconds()
			for last = now; due >= 1; due-- {
				g.sent++
				g.send(g.sent)
			}
			g.mu.Unlock()
		}
	}
}

// send writes record id, to the partition that its key belongs to. mu is held.
func (g *generator) send(id int64) {
	key := id % keys
	g.p.client.Produce(context.Background(), &kgo.Record{
		Topic: "work", Partition: int32(key % partitions), Key: fmt.Appendf(nil, "key-%d", key), Value: binary.BigEndian.AppendUint64(nil, uint64(id)),
	}, func(_ *kgo.Record, err error) {
		if err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.err = err
		}
	})
}

func (g *generator) set(rate float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rate = rate
}

func (g *generator) end() {
	g.stop()
	<-g.done
}

// finish stops the load and returns how many records were written.
func (g *generator) finish() int64 {
	g.p.t.Helper()
	g.end()
	g.p.must(g.p.client.Flush(g.p.t.Context()))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.p.must(g.err)
	return g.sent
}

// watcher notes the number of tasks second by second.
type watcher struct {
	p     *platform
	begun time.Time
	tasks []int
	last  supervisor.Status
}

// watch looks once a second for as long as given, or until enough says so.
func (w *watcher) watch(limit time.Duration, enough func(supervisor.Status) bool) bool {
	w.p.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Second) {
		s, err := w.p.super.Get(w.p.t.Context(), "delay")
		w.p.must(err)
		if len(w.tasks) == 0 || s.Tasks != w.tasks[len(w.tasks)-1] {
			reason := ""
			if s.Scaling != nil {
				reason = s.Scaling.Reason
			}
			w.p.t.Logf("%5.1fs  %d tasks: %s", time.Since(w.begun).Seconds(), s.Tasks, reason)
		}
		w.tasks, w.last = append(w.tasks, s.Tasks), s
		if enough != nil && enough(s) {
			return true
		}
	}
	return enough == nil
}

// running says whether n tasks are wished for and all run.
func running(n int) func(supervisor.Status) bool {
	return func(s supervisor.Status) bool {
		up := 0
		for _, t := range s.TasksStatus {
			if t.State == supervisor.Running {
				up++
			}
		}
		return s.Tasks == n && up == n && len(s.TasksStatus) == n
	}
}

// drained says whether n tasks run and nothing waits for longer than a second.
func drained(n int) func(supervisor.Status) bool {
	return func(s supervisor.Status) bool {
		return running(n)(s) && s.Scaling != nil && s.Scaling.Backlog == 0 && s.Scaling.LagSeconds < 2
	}
}

// turns counts how often the number of tasks went the other way.
func turns(log []int) int {
	n, way := 0, 0
	for i := 1; i < len(log); i++ {
		step := log[i] - log[i-1]
		if step*way < 0 {
			n++
		}
		if step != 0 {
			way = step
		}
	}
	return n
}

// utilization is the share of d that the tasks are busy, by their own counters
// and apart from what the autoscaler makes of them; NaN when other tasks came.
func (p *platform) utilization(d time.Duration) (share, perBusySecond float64) {
	p.t.Helper()
	begun := time.Now()
	before := p.counters()
	time.Sleep(d)
	after, elapsed := p.counters(), time.Since(begun).Seconds()
	busy, records := 0.0, 0.0
	for id, now := range after {
		was, ok := before[id]
		if !ok || len(before) != len(after) {
			return math.NaN(), math.NaN()
		}
		busy += now.busy - was.busy
		records += now.records - was.records
	}
	return busy / elapsed / float64(len(after)), records / busy
}

type counters struct{ busy, records float64 }

var (
	busyLine    = regexp.MustCompile(`(?m)^headwater_stream_busy_seconds_total\{.*\} (\S+)$`)
	recordsLine = regexp.MustCompile(`(?m)^headwater_stream_process_total\{.*\} (\S+)$`)
)

func (p *platform) counters() map[int]counters {
	p.t.Helper()
	s, err := p.super.Get(p.t.Context(), "delay")
	p.must(err)
	found := map[int]counters{}
	for _, task := range s.TasksStatus {
		resp, err := http.Get("http://" + task.HTTPAddress + "/metrics")
		p.must(err)
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		p.must(err)
		found[task.PID] = counters{sum(busyLine, text), sum(recordsLine, text)}
	}
	return found
}

func sum(line *regexp.Regexp, text []byte) float64 {
	total := 0.0
	for _, match := range line.FindAllSubmatch(text, -1) {
		x, _ := strconv.ParseFloat(string(match[1]), 64)
		total += x
	}
	return total
}

// checkOutput holds what came out against what went in: each record once, and
// each key's in order with its running count.
func (p *platform) checkOutput(sent int64) {
	p.t.Helper()
	schema, err := event.CompileSchema(1, doneSchema)
	p.must(err)
	client, err := p.place.AdminConfig(p.secrets).Client(kgo.ConsumeTopics("done"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	p.must(err)
	defer client.Close()
	seen := make([]int, sent+1)
	lastID, count := map[string]int64{}, map[string]int64{}
	got := int64(0)
	for quiet := time.Now(); time.Since(quiet) < 3*time.Second || (got < sent && time.Since(quiet) < time.Minute); {
		ctx, cancel := context.WithTimeout(p.t.Context(), time.Second)
		fetches := client.PollFetches(ctx)
		cancel()
		fetches.EachRecord(func(r *kgo.Record) {
			quiet = time.Now()
			var d struct {
				ID    int64 `avro:"id"`
				Count int64 `avro:"count"`
			}
			body, err := event.Body(r.Value)
			p.must(err)
			p.must(schema.DecodeBody(body, &d))
			key := string(r.Key)
			got++
			seen[d.ID]++
			count[key]++
			if d.ID <= lastID[key] || d.Count != count[key] {
				p.t.Errorf("%s: record %d with count %d after record %d with count %d", key, d.ID, d.Count, lastID[key], count[key]-1)
			}
			lastID[key] = d.ID
		})
	}
	lost, doubled := 0, 0
	for _, n := range seen[1:] {
		if n == 0 {
			lost++
		} else if n > 1 {
			doubled++
		}
	}
	p.t.Logf("%d records in, %d out, %d lost, %d doubled", sent, got, lost, doubled)
	if lost > 0 || doubled > 0 {
		p.t.Errorf("%d of %d records lost, %d doubled", lost, sent, doubled)
	}
}
