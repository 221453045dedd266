package kafkatest_test

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafkatest"
)

// A stopped cluster must come back with its topics on the same addresses, or
// tests of outages prove nothing.
func TestRestartKeepsTopics(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Durable(), kafkatest.WithSASL("admin", "secret"))
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

// A broker that is away must look away to everyone, and come back as itself.
func TestBrokerComesAndGoes(t *testing.T) {
	c := kafkatest.Start(t)
	brokers := func() int {
		all, err := c.Admin().ListBrokers(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := brokers()
	c.KillBroker(2)
	if got := brokers(); got != before-1 {
		t.Errorf("%d brokers of %d after one was killed", got, before)
	}
	c.RestartBroker(2)
	if got := brokers(); got != before {
		t.Errorf("%d brokers of %d after it came back", got, before)
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

// What one test leaves behind must not be there for the next, whichever cluster
// they run on.
func TestStartIsNew(t *testing.T) {
	ctx := context.Background()
	t.Run("leaves things behind", func(t *testing.T) {
		c := kafkatest.Start(t, kafkatest.WithSASL("admin", "one"), kafkatest.WithACLs())
		c.CreateTopic("left", 3, nil)
		c.Produce("left", "x")
		acl := kadm.NewACLs().Topics("left").Operations(kadm.OpRead).Allow("User:someone").ResourcePatternType(kadm.ACLPatternLiteral)
		if _, err := c.Admin().CreateACLs(ctx, acl); err != nil {
			t.Fatal(err)
		}
		user := kadm.UpsertSCRAM{User: "someone", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "p"}
		if _, err := c.Admin().AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{user}); err != nil {
			t.Fatal(err)
		}
		if err := c.Admin().CommitAllOffsets(ctx, "readers", kadm.OffsetsFromFetches(kgo.Fetches{})); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("finds nothing", func(t *testing.T) {
		c := kafkatest.Start(t, kafkatest.WithSASL("admin", "two"))
		topics, err := c.Admin().ListTopics(ctx)
		if err != nil || len(topics) > 0 {
			t.Errorf("topics %v, %v", topics.Names(), err)
		}
		acls, err := c.Admin().DescribeACLs(ctx, kadm.NewACLs().AnyResource().Operations().Allow().AllowHosts().Deny().DenyHosts().ResourcePatternType(kadm.ACLPatternAny))
		if err != nil || len(acls) != 1 || len(acls[0].Described) > 0 {
			t.Errorf("ACLs %+v, %v", acls, err)
		}
		users, err := c.Admin().DescribeUserSCRAMs(ctx)
		if _, there := users["someone"]; err != nil || there {
			t.Errorf("users %v, %v", users, err)
		}
	})
}
