package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"headwater.internal/platform/internal/kafkatest"
)

// A refresh must cost the same number of requests however many topics and ACLs
// the configuration has: that is what keeps a plan of thousands of topics short.
func TestRefreshCostsConstantRequests(t *testing.T) {
	t.Parallel()
	few, many := refreshRequests(t, 10), refreshRequests(t, 100)
	t.Logf("requests of a plan: %v with 10 topics and ACLs, %v with 100", few, many)
	for kind, n := range many {
		// Two refreshes (plan and its check); metadata is also what the client learns addresses by.
		if n > few[kind]+2 {
			t.Errorf("%s: %d requests with 100 topics, %d with 10", kind, n, few[kind])
		}
	}
}

func refreshRequests(t *testing.T, n int) map[string]int {
	t.Helper()
	c := kafkatest.Start(t)
	body := fmt.Sprintf(`
resource "headwater_topic" "test" {
  count      = %d
  name       = "raw.web.event-${count.index}"
  partitions = 1
  config     = { "cleanup.policy" = "compact" }
}
resource "headwater_acl" "test" {
  count         = %d
  principal     = "User:refine"
  operations    = ["READ", "DESCRIBE"]
  resource_type = "TOPIC"
  resource_name = "raw.web.event-${count.index}"
}`, n, n)
	var requests map[string]int
	accept(t,
		resource.TestStep{Config: on(c, body)},
		resource.TestStep{
			PreConfig: c.ResetRequests,
			Config:    on(c, body), PlanOnly: true,
			PostApplyFunc: func() { requests = c.Requests() },
		},
	)
	return requests
}

// Readers that come at once share one load; a failed one is forgotten, and a
// write is seen by the next reader.
func TestKind(t *testing.T) {
	t.Parallel()
	var loads, ones atomic.Int64
	fails := true
	k := newKind(time.Second,
		func(context.Context) (map[string]int, error) {
			loads.Add(1)
			time.Sleep(20 * time.Millisecond)
			if fails {
				return nil, errors.New("brokers are away")
			}
			return map[string]int{"a": 1}, nil
		},
		func(_ context.Context, key string) (int, bool, error) {
			ones.Add(1)
			return 2, key == "a", nil
		})
	read := func() (failed int64) {
		var wg sync.WaitGroup
		var failures atomic.Int64
		for range 20 {
			wg.Go(func() {
				if _, _, err := k.get(t.Context(), "a"); err != nil {
					failures.Add(1)
				}
			})
		}
		wg.Wait()
		return failures.Load()
	}
	if failed := read(); failed != 20 || loads.Load() != 1 {
		t.Fatalf("while brokers were away: %d readers failed, %d loads, want 20 and 1", failed, loads.Load())
	}
	fails = false
	if failed := read(); failed != 0 || loads.Load() != 2 {
		t.Fatalf("after they were back: %d readers failed, %d loads in all, want 0 and 2", failed, loads.Load())
	}
	k.invalidate("a")
	if v, ok, err := k.get(t.Context(), "a"); v != 2 || !ok || err != nil || loads.Load() != 2 {
		t.Fatalf("after a write: %d, %t, %v and %d loads, want the new value by name", v, ok, err, loads.Load())
	}
	if _, ok, _ := k.get(t.Context(), "b"); ok || ones.Load() != 2 {
		t.Fatalf("a key that the load did not show was not asked for by name")
	}
}

// Kafka leaves topics that one may not see out of a list: that must end in an
// error, not in a plan that creates them again.
func TestHiddenTopicIsNotDeleted(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.WithSASL("admin", "admin-secret"), kafkatest.WithACLs())
	body := topic("raw.web.clicked", 1, "")
	user := `
resource "headwater_scram_credential" "user" {
  username            = "user"
  password_wo         = "user-secret"
  password_wo_version = 1
}`
	accept(t,
		resource.TestStep{Config: onAs(c, body+user)},
		resource.TestStep{Config: onUser(c, "user", "user-secret", body+user), PlanOnly: true, ExpectError: flexible(`lacks DESCRIBE on TOPIC "raw.web.clicked"`)},
		resource.TestStep{Config: onAs(c, strings.Replace(body, "= 1\n", "= 2\n", 1)+user)},
	)
}
