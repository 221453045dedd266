package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/local"
)

// The bundled sample: one CloudEvents event in JSON a line, some of them wrong on
// purpose.
const (
	sampleFile    = "environments/local/sample.ndjson"
	samplePacing  = 6 * time.Second // a burst would show the queue, not the latency
	sampleSenders = 8
	sampleRetries = 20 // of an event that the collector could not store
)

// played is what became of the sample.
type played struct {
	skipped  string // why it was not played, when it was not
	accepted atomic.Int64
	refused  atomic.Int64
}

// badSamples is how many events of the sample are wrong on purpose.
const badSamples = 6

// String words what became of the events.
func (p *played) String() string {
	text := fmt.Sprintf("%d accepted, %d refused", p.accepted.Load(), p.refused.Load())
	if p.refused.Load() == badSamples {
		return text + ", as they should be: the sample holds six bad events"
	}
	return text + fmt.Sprintf(", although the sample holds %d bad events: see the collector's log", badSamples)
}

// playSample sends the sample to the collector and waits until all of it is
// counted. A platform that holds events already is left alone.
func playSample(ctx context.Context, root string, place local.Place, secrets local.Secrets) (*played, error) {
	empty, err := holdsNoEvents(ctx, place, secrets)
	if err != nil {
		return nil, err
	}
	if !empty {
		return &played{skipped: "the platform holds events already"}, nil
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(sampleFile)))
	if err != nil {
		return nil, fmt.Errorf("read the sample: %w", err)
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	s := begin("sample", int64(len(lines)))
	defer s.clear()
	result := &played{}
	if err := result.send(ctx, place, secrets, lines, s); err != nil {
		return nil, fmt.Errorf("play the sample: %w", err)
	}
	s.done("%d events: %s (%s)", len(lines), result, sampleFile)
	return result, waitForCounts(ctx, place, secrets, result.accepted.Load())
}

// send posts the lines in their order, evenly over the pacing time.
func (p *played) send(ctx context.Context, place local.Place, secrets local.Secrets, lines [][]byte, s *step) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan []byte)
	var wg sync.WaitGroup
	for range sampleSenders {
		wg.Go(func() {
			for line := range queue {
				if err := p.post(ctx, place.CollectorURL, secrets.WriteKeys[local.LocalWriteKey], line); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	began := time.Now()
	for i, line := range lines {
		pause := time.NewTimer(time.Until(began.Add(samplePacing * time.Duration(i) / time.Duration(len(lines)))))
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
		case queue <- line:
			s.at(int64(i+1), int64(len(lines)), "sent")
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(queue)
	wg.Wait()
	return context.Cause(ctx)
}

// post sends one event until there is a verdict on it.
func (p *played) post(ctx context.Context, collectorURL, key string, event []byte) error {
	var last error
	for range sampleRetries {
		code, answer, err := postOnce(ctx, collectorURL, key, event)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && code < 300:
			p.accepted.Add(1)
			return nil
		case code == http.StatusUnauthorized:
			return fmt.Errorf("the collector does not take the write key: %s", answer)
		case code >= 400 && code < 500 && code != http.StatusTooManyRequests:
			p.refused.Add(1)
			return nil
		case err != nil:
			last = err
		default:
			last = fmt.Errorf("the collector answers %d: %s", code, answer)
		}
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}
	return last
}

func postOnce(ctx context.Context, collectorURL, key string, event []byte) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, collectorURL+"/v1/events", bytes.NewReader(event))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/cloudevents+json")
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return resp.StatusCode, string(text), err
}

// holdsNoEvents reports whether no raw topic ever had a record.
func holdsNoEvents(ctx context.Context, place local.Place, secrets local.Secrets) (bool, error) {
	client, err := place.AdminConfig(secrets).Client()
	if err != nil {
		return false, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx)
	if err = errors.Join(err, ends.Error()); err != nil {
		return false, fmt.Errorf("look for events: %w", err)
	}
	empty := true
	ends.Each(func(o kadm.ListedOffset) {
		if strings.HasPrefix(o.Topic, "raw.") && o.Offset > 0 {
			empty = false
		}
	})
	return empty, nil
}

// countTime is how long the processors may take to count the sample.
const countTime = 45 * time.Second

// waitForCounts returns when the ledger says that every accepted event went
// through all stages.
func waitForCounts(ctx context.Context, place local.Place, secrets local.Secrets, accepted int64) error {
	s := begin("counts", accepted)
	defer s.clear()
	deadline := time.Now().Add(countTime)
	for {
		stages, err := readStages(ctx, place, secrets)
		if err != nil {
			return err
		}
		refined, through := stages["refine"], min(stages["sessionize"].In, stages["aggregate"].In)
		if refined.In >= accepted && through >= refined.Applied {
			s.done("%d events went through, %d were duplicates", refined.Applied, refined.Duplicate)
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s refine has taken %d of %d events, and sessionize and aggregate %d: see headwater status and %s",
				countTime, refined.In, accepted, through, place.Path("logs"))
		}
		s.at(through, accepted, "counted")
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(250 * time.Millisecond):
		}
	}
}
