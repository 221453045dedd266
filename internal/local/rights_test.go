package local

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const orders = "raw.checkout.order-placed"

// grant makes the user checkout, which may write and read orders in its group
// and under its transactional id, and the user support, which may do nothing.
func grant(t *testing.T, c *child) {
	t.Helper()
	admin := kadm.NewClient(c.admin())
	for _, user := range []string{"checkout", "support"} {
		upsert := kadm.UpsertSCRAM{User: user, Mechanism: kadm.ScramSha512, Iterations: scramIterations, Password: user + "-password"}
		if err := scramError(admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{upsert})); err != nil {
			t.Fatal(err)
		}
	}
	acls := kadm.NewACLs().Allow("User:checkout").AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral)
	all := []*kadm.ACLBuilder{
		acls.Topics(orders).Operations(kadm.OpWrite, kadm.OpRead, kadm.OpDescribe),
		kadm.NewACLs().Allow("User:checkout").AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral).Groups("checkout").Operations(kadm.OpRead, kadm.OpDescribe),
		kadm.NewACLs().Allow("User:checkout").AllowHosts("*").ResourcePatternType(kadm.ACLPatternPrefixed).TransactionalIDs("checkout").Operations(kadm.OpWrite, kadm.OpDescribe),
	}
	for _, b := range all {
		results, err := admin.CreateACLs(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
}

func scramError(results kadm.AlteredUserSCRAMs, err error) error {
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil {
			return errors.Join(r.Err, errors.New(r.ErrMessage))
		}
	}
	return nil
}

func write(t *testing.T, client *kgo.Client) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return client.ProduceSync(ctx, &kgo.Record{Topic: orders, Value: []byte("x")}).FirstErr()
}

func read(t *testing.T, client *kgo.Client) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer client.Close() // the group would wait for it
	fetches := client.PollFetches(ctx)
	if errs := fetches.Errors(); len(errs) > 0 {
		return errs[0].Err
	}
	return nil
}

// Rights hold as on a real broker: for topics, groups and transactional ids, by
// principal, and each denial is counted. Users, rights and quotas outlive the process.
func TestRightsHoldAndOutliveTheProcess(t *testing.T) {
	c := startChild(t)
	c.createTopic(6, orders)
	grant(t, c)
	setQuota(t, c, "checkout", 1<<20)
	t.Run("first life", func(t *testing.T) { checkRights(t, c) })
	c.terminate()
	c.start()
	t.Run("after an orderly stop", func(t *testing.T) { checkRights(t, c) })
	c.kill()
	c.start()
	t.Run("after a kill", func(t *testing.T) { checkRights(t, c) })
	if got := quota(t, c, "checkout"); got != 1<<20 {
		t.Errorf("quota %v", got)
	}
}

func checkRights(t *testing.T, c *child) {
	place, _ := c.place()
	checkout := func(opts ...kgo.Opt) *kgo.Client { return c.client("checkout", "checkout-password", place, opts...) }
	support := func(opts ...kgo.Opt) *kgo.Client { return c.client("support", "support-password", place, opts...) }

	if err := write(t, checkout()); err != nil {
		t.Errorf("the owner writes: %v", err)
	}
	fromStart := []kgo.Opt{kgo.ConsumeTopics(orders), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	if err := read(t, checkout(append(fromStart, kgo.ConsumerGroup("checkout"))...)); err != nil {
		t.Errorf("the owner reads in its group: %v", err)
	}
	transactional := checkout(kgo.TransactionalID("checkout-0"))
	if err := errors.Join(transactional.BeginTransaction(), write(t, transactional), transactional.EndTransaction(t.Context(), kgo.TryCommit)); err != nil {
		t.Errorf("the owner writes in a transaction: %v", err)
	}

	if err := write(t, support()); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("a stranger writes: %v", err)
	}
	if err := read(t, support(fromStart...)); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("a stranger reads: %v", err)
	}
	if err := read(t, checkout(append(fromStart, kgo.ConsumerGroup("refine"))...)); !errors.Is(err, kerr.GroupAuthorizationFailed) {
		t.Errorf("the owner in another's group: %v", err)
	}
	thief := checkout(kgo.TransactionalID("refine-0"))
	if err := errors.Join(thief.BeginTransaction(), write(t, thief)); !errors.Is(err, kerr.TransactionalIDAuthorizationFailed) {
		t.Errorf("the owner under another's transactional id: %v", err)
	}

	metrics := c.metrics()
	for _, want := range []string{`principal="User:support"`, `api="FindCoordinator",principal="User:checkout"`} {
		if !strings.Contains(metrics, "headwater_authorization_denied_total{") || !strings.Contains(metrics, want) {
			t.Errorf("no denial with %s in /metrics:\n%s", want, grep(metrics, "denied_total"))
		}
	}
}

func grep(text, what string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, what) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// A produce that a client sends though it may only look is counted under its own name.
func TestDeniedProduceIsCounted(t *testing.T) {
	c := startChild(t)
	c.createTopic(1, orders)
	grant(t, c)
	look := kadm.NewACLs().Allow("User:support").AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral).Topics(orders).Operations(kadm.OpDescribe)
	if _, err := kadm.NewClient(c.admin()).CreateACLs(t.Context(), look); err != nil {
		t.Fatal(err)
	}
	place, _ := c.place()
	if err := write(t, c.client("support", "support-password", place, kgo.DisableIdempotentWrite())); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("got %v", err)
	}
	want := `headwater_authorization_denied_total{api="Produce",principal="User:support"} 1`
	if got := grep(c.metrics(), "denied_total{"); !strings.Contains(got, want) {
		t.Errorf("want %s, got:\n%s", want, got)
	}
}

// A wrong password gets nothing, and credentials that could never log in are refused when they are made.
func TestCredentials(t *testing.T) {
	c := startChild(t)
	grant(t, c)
	place, _ := c.place()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := c.client("checkout", "guess", place).Ping(ctx); err == nil {
		t.Error("a wrong password logs in")
	}
	upsert := kadm.UpsertSCRAM{User: "checkout", Mechanism: kadm.ScramSha512, Iterations: 8192, Password: "p"}
	err := scramError(kadm.NewClient(c.admin()).AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{upsert}))
	if !errors.Is(err, kerr.UnacceptableCredential) || !strings.Contains(err.Error(), "set iterations = 4096") {
		t.Errorf("got %v", err)
	}
	if err := c.client("checkout", "checkout-password", place).Ping(t.Context()); err != nil {
		t.Errorf("after the refusal the old password fails: %v", err)
	}
}

func setQuota(t *testing.T, c *child, user string, bytes float64) {
	t.Helper()
	entity := kadm.ClientQuotaEntity{{Type: "user", Name: &user}}
	_, err := kadm.NewClient(c.admin()).AlterClientQuotas(t.Context(), []kadm.AlterClientQuotaEntry{{
		Entity: entity, Ops: []kadm.AlterClientQuotaOp{{Key: "producer_byte_rate", Value: bytes}},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func quota(t *testing.T, c *child, user string) float64 {
	t.Helper()
	quotas, err := kadm.NewClient(c.admin()).DescribeClientQuotas(t.Context(), true, []kadm.DescribeClientQuotaComponent{{Type: "user", MatchName: &user, MatchType: kmsg.QuotasMatchTypeExact}})
	if err != nil || len(quotas) != 1 || len(quotas[0].Values) != 1 {
		t.Fatalf("quotas %+v, %v", quotas, err)
	}
	return quotas[0].Values[0].Value
}
