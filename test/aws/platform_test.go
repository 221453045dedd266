package aws

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gruntwork-io/terratest/modules/terraform"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/schemas/aggregates"
)

// programs are those whose tasks the platform root declares.
var programs = []string{"aggregate", "archive", "capacity", "collect", "refine", "sessionize"}

// stack is a place whose machines and tasks run.
type stack struct {
	t        *testing.T
	place    *place
	machines *machinery
	tasks    *fargate
	key      string // of the sender web
}

// startStack applies the platform to the real brokers and starts its tasks.
func startStack(t *testing.T, p *place) *stack {
	t.Helper()
	s := &stack{t: t, place: p, machines: startMachines(t, p)}
	p.runner = s.machines.runner()
	p.apply("platform")
	s.key = p.account.secret(t, terraform.OutputMapContext(t, t.Context(), p.options("platform"), "secret_arns")["senders/web"])
	s.tasks = openFargate(t, p)
	fatal(t, s.tasks.reconcile(t.Context()))
	return s
}

// send sends one event to a task of the collector until it is acknowledged.
func (s *stack) send(kind, customer, id, data string) error {
	body := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","type":%q,"subject":%q,"time":%q,"data":%s}`,
		id, kind, customer, time.Now().UTC().Format(time.RFC3339Nano), data)
	return within(s.t.Context(), 30*time.Second, func() error {
		return post("http://"+s.tasks.address("collect")+":8080/v1/events", s.key, "application/cloudevents+json", []byte(body))
	})
}

func post(url, key, contentType string, body []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Write-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("HTTP %d: %s", resp.StatusCode, text)
	}
	return nil
}

// session waits for the customer's session to have that many events.
func (s *stack) session(customer string, events int64) {
	s.t.Helper()
	opts, err := s.machines.cluster.Config().Options()
	fatal(s.t, err)
	client, err := kgo.NewClient(append(opts, kgo.ConsumeTopics("aggregates.sessions"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	fatal(s.t, err)
	defer client.Close()
	registry, err := event.NewRegistry(s.machines.registry.URL())
	fatal(s.t, err)
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	var seen []string
	for ctx.Err() == nil {
		for _, record := range client.PollFetches(ctx).Records() {
			session, ok := decodeSession(ctx, registry, record)
			if !ok || session.Customer != customer {
				continue
			}
			seen = append(seen, fmt.Sprint(session.Events))
			if session.Events == events {
				return
			}
		}
	}
	s.t.Fatalf("no session of %s has %d events: its revisions have %s", customer, events, strings.Join(seen, ", "))
}

func decodeSession(ctx context.Context, registry *event.Registry, record *kgo.Record) (session aggregates.Session, ok bool) {
	id, err := event.SchemaID(record.Value)
	if err != nil { // a tombstone
		return session, false
	}
	schema, err := registry.Schema(ctx, id)
	if err != nil {
		return session, false
	}
	return session, schema.Decode(record.Value, &session) == nil
}
