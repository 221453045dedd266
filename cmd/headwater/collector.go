package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/mapping"
)

// collector is a client of one collector.
type collector struct {
	url      string
	writeKey string
	http     *http.Client
}

func newCollector(url, writeKey string) *collector {
	transport := &http.Transport{
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
	}
	return &collector{
		url: strings.TrimSuffix(url, "/"), writeKey: writeKey,
		http: &http.Client{Transport: transport, Timeout: time.Minute},
	}
}

// Verdicts of the collector on one event.
const (
	accepted = "accepted" // durable
	refused  = "refused"  // will never be accepted as it is
	retry    = "retry"    // not acknowledged: it may or may not be stored
)

// verdict is the collector's answer on one event.
type verdict struct {
	Index      int               `json:"index"` // within the request
	ID         string            `json:"id"`
	Status     string            `json:"verdict"`
	Violations []event.Violation `json:"violations,omitempty"`
	Note       string            `json:"note,omitempty"`
}

// errNotYet says that nothing is known of a whole request: it is to be sent
// again under the same ids.
type errNotYet struct {
	cause error
	after time.Duration // as the collector asked, or 0
	sent  bool          // the request may have been carried out
}

func (e *errNotYet) Error() string { return e.cause.Error() }

// errTooLarge says that the collector takes no request of this size.
var errTooLarge = errors.New("the request is too large for the collector")

// errWrongKey says that no request with this write key will ever be accepted.
var errWrongKey = errors.New("the collector does not know the write key: pass --write-key, or run headwater credentials local")

// errRefusedAll says that the collector refused the request without a verdict
// per event.
type errRefusedAll struct{ message string }

func (e *errRefusedAll) Error() string { return e.message }

// send posts events as one CloudEvents batch and returns a verdict for each, in
// their order. The error is errWrongKey, errTooLarge, an *errNotYet or an
// *errRefusedAll.
func (c *collector) send(ctx context.Context, importID string, events []mapping.Event) ([]verdict, error) {
	body := []byte{'['}
	for i, e := range events {
		if i > 0 {
			body = append(body, ',')
		}
		var err error
		if body, err = appendCloudEvent(body, e); err != nil {
			return nil, &errRefusedAll{err.Error()}
		}
	}
	body = append(body, ']')
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return nil, &errRefusedAll{fmt.Sprintf("make request: %v", err)}
	}
	request.Header.Set("Content-Type", "application/cloudevents-batch+json")
	request.Header.Set("Authorization", "Bearer "+c.writeKey)
	if importID != "" {
		request.Header.Set("X-Headwater-Import-Id", importID)
	}
	response, err := c.http.Do(request)
	if err != nil {
		var network *net.OpError
		neverSent := errors.As(err, &network) && network.Op == "dial"
		return nil, &errNotYet{cause: fmt.Errorf("reach the collector: %w", err), sent: !neverSent}
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return nil, &errNotYet{cause: fmt.Errorf("read the collector's answer: %w", err), sent: true}
	}
	return readAnswer(response, answer, len(events))
}

// readAnswer takes the verdicts when there is one for each of the n events, and
// else judges by the status.
func readAnswer(response *http.Response, text []byte, n int) ([]verdict, error) {
	var answer struct {
		Events  []verdict `json:"events"`
		Message string    `json:"message"`
	}
	parsed := json.Unmarshal(text, &answer) == nil
	if parsed && len(answer.Events) == n {
		return answer.Events, nil
	}
	message := strings.TrimSpace(answer.Message)
	if message == "" {
		message = strings.TrimSpace(string(text[:min(len(text), 300)]))
	}
	message = fmt.Sprintf("the collector answered %s: %s", response.Status, message)
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, errWrongKey
	case status == http.StatusRequestEntityTooLarge:
		return nil, errTooLarge
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500, status < 400:
		after, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return nil, &errNotYet{
			cause: errors.New(message),
			after: time.Duration(after) * time.Second,
			sent:  status != http.StatusTooManyRequests,
		}
	}
	return nil, &errRefusedAll{message}
}

// appendCloudEvent renders an event as CloudEvents JSON.
func appendCloudEvent(dst []byte, e mapping.Event) ([]byte, error) {
	text, err := json.Marshal(struct {
		SpecVersion     string `json:"specversion"`
		ID              string `json:"id"`
		Source          string `json:"source"`
		Type            string `json:"type"`
		Subject         string `json:"subject,omitempty"`
		Time            string `json:"time"`
		AnonymousID     string `json:"anonymousid,omitempty"`
		DataContentType string `json:"datacontenttype"`
		Data            any    `json:"data"`
	}{
		"1.0", e.ID, e.Source, e.Type, e.Customer,
		e.Time.UTC().Format(time.RFC3339Nano), e.AnonymousID, "application/json", e.Data,
	})
	if err != nil {
		return dst, fmt.Errorf("render event %s: %w", e.ID, err)
	}
	return append(dst, text...), nil
}
