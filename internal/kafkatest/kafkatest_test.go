package kafkatest_test

import (
	"context"
	"testing"

	"headwater.internal/platform/internal/kafkatest"
)

// A stopped cluster must come back with its topics on the same addresses, or
// tests of outages prove nothing.
func TestRestartKeepsTopics(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Durable(), kafkatest.WithSASL("admin", "secret"))
	c.Fake()
	c.CreateTopic("raw.web.page-viewed", 2, nil)
	c.Stop()
	if err := c.Client().Ping(context.Background()); err == nil {
		t.Fatal("a stopped cluster answered")
	}
	c.Restart()
	topics, err := c.Admin().ListTopics(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !topics.Has("raw.web.page-viewed") {
		t.Fatalf("topics after the restart: %v", topics.Names())
	}
}

// Request counts are what budgets in other tests stand on.
func TestRequestsAreCounted(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.WithBrokers(1))
	c.CreateTopic("a", 1, nil)
	c.ResetRequests()
	c.DeleteTopic("a")
	if got := c.Requests()["DeleteTopics"]; got != 1 {
		t.Fatalf("counted %d DeleteTopics requests, want 1", got)
	}
}
