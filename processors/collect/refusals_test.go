package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"headwater.internal/platform/internal/event"
)

// Defends the only trace that a refused Segment event leaves: one line for each
// kind of refusal a minute, with how many there were, and none of the data.
func TestRefusalsAreLogged(t *testing.T) {
	var text bytes.Buffer
	r := refusals{log: slog.New(slog.NewTextHandler(&text, nil))}
	order := &declared{Entry: event.Entry{Type: "checkout.order_placed"}}
	wrong := event.Violation{Pointer: "/properties/total", Rule: event.RuleType, Message: `expected a number, got the string "secret"`}
	now := time.Now()
	for i := range 5 {
		in := incoming{declared: order, envelope: event.Envelope{ID: fmt.Sprint("e", i)}}
		r.note(now.Add(time.Duration(i)*time.Second), "web", &in, wrong)
	}
	r.note(now, "web", &incoming{asked: "Order Plaecd"}, event.Violation{Pointer: "/event", Rule: ruleUnknownType})
	r.note(now, "web", &incoming{declared: order}, event.Violation{Pointer: "/properties/ann@example.com", Rule: event.RuleAdditional})
	r.flush(now.Add(30 * time.Second))
	r.flush(now.Add(61 * time.Second))
	r.flush(now.Add(200 * time.Second))
	var got []string
	for line := range strings.Lines(text.String()) {
		_, after, _ := strings.Cut(strings.TrimSpace(line), "write_key=")
		got = append(got, after)
	}
	want := []string{
		`web type=checkout.order_placed rule=type count=1 first_id=e0 at=/properties/total`,
		`web type=undeclared rule="unknown type" count=1 first_id="" sent_type="Order Plaecd" at=/event`,
		`web type=checkout.order_placed rule=additionalProperties count=1 first_id="" at=/properties`,
		`web type=checkout.order_placed rule=type count=4 first_id=e1 at=/properties/total`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
