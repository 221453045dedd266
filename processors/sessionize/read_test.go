package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"headwater.internal/platform/processors/internal/stream/streamtest"
	"headwater.internal/platform/schemas/processed"
)

// Defends what headwater state shows: a customer's sessions of both kinds of
// state, and where an anonymous id's went.
func TestReadShowsSessions(t *testing.T) {
	lookups := streamtest.NewLookups(t)
	d := streamtest.Driver(t, spec, newRule(streamtest.Settings(t)), lookups, 3)
	at := streamtest.Day
	anonymous := "phone"
	for _, e := range []processed.CustomerEvent{
		{ID: "1", Source: "test", Type: "browsing.page_viewed", Customer: "ann", Time: at},
		{ID: "2", Source: "test", Type: "browsing.page_viewed", Customer: "ann", Time: at.Add(time.Hour)},
		{ID: "3", Source: "test", Type: "browsing.page_viewed", Customer: "phone", AnonymousID: &anonymous, Time: at},
	} {
		streamtest.Feed(t, d, lookups.CustomerEvent(t, &e, at.Add(time.Hour)))
	}
	streamtest.Feed(t, d, lookups.IdentityLink(t, &processed.IdentityLink{AnonymousID: "phone", Customer: "ann", LinkedTime: at}, at.Add(time.Hour)))
	streamtest.Commit(t, d)
	for key, want := range map[string][]string{
		"ann":   {`"start":"2026-03-01T00:00:00Z"`, `"start":"2026-03-01T01:00:00Z"`, `"state":"open"`, `"browsing.page_viewed":1`},
		"phone": {`"linked_to":"ann"`},
		"bob":   {"null"},
	} {
		held, err := d.Read(key)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(held)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s shows %s, want %s", key, text, part)
			}
		}
	}
}
