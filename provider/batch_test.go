package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"golang.org/x/sync/errgroup"

	"headwater.internal/platform/internal/kafkatest"
)

// Callers that come at once share a request, each gets its own answer or error,
// and a request that fails, or leaves somebody out, fails for those and no others.
func TestBatch(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	odd, away := errors.New("odd"), errors.New("brokers are away")
	b := newBatch(&crowd{}, time.Second, func(_ context.Context, asks []int) ([]outcome[int], error) {
		requests.Add(1)
		var answers []outcome[int]
		for _, n := range asks {
			switch {
			case n == 1000:
				return nil, away
			case n == 2000:
				return answers, nil // the last one is left out
			case n%2 == 1:
				answers = append(answers, outcome[int]{err: odd})
			default:
				answers = append(answers, outcome[int]{value: n * n})
			}
		}
		return answers, nil
	})
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			got, err := b.do(t.Context(), n)
			if n%2 == 1 && !errors.Is(err, odd) || n%2 == 0 && (err != nil || got != n*n) {
				t.Errorf("call %d was answered %d, %v", n, got, err)
			}
		})
	}
	all.Wait()
	if n := requests.Load(); n > 25 {
		t.Errorf("50 callers at once cost %d requests", n)
	}
	if _, err := b.do(t.Context(), 1000); !errors.Is(err, away) {
		t.Errorf("a failed request was answered %v", err)
	}
	if _, err := b.do(t.Context(), 2000); !errors.Is(err, errNoAnswer) {
		t.Errorf("a call that the answer leaves out was answered %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := b.do(cancelled, 4); got != 16 || err != nil {
		t.Errorf("a cancelled call does not know what it did: %d, %v", got, err)
	}
}

// What 1,000 topics with an ACL each cost the brokers: a refresh at most 20
// requests, and a write at Terraform's ten at a time at most one request in eight
// resources of each kind. One request a resource is what makes other providers
// slow.
func TestRequestsOfThousandTopics(t *testing.T) {
	t.Parallel()
	const n = 1000
	c := kafkatest.Start(t, kafkatest.WithBrokers(3))
	c.Fake()
	inst := newInstance(settings{kafka: c.Config, requestTimeout: defaultRequestTimeout})
	topics, acls := each(t, n, nth(t, &topicResource{inst: inst}, topicOf)), each(t, n, nth(t, &aclResource{inst: inst}, aclOf))
	for _, w := range []*walk{topics, acls} {
		w.run(t, 10, (*held).create)
	}
	created := c.Requests()
	t.Logf("requests of %d creations: %v", n, created)
	for _, kind := range []string{"CreateTopics", "CreateACLs", "Metadata"} {
		if created[kind] > n/8 {
			t.Errorf("%d %s requests for %d resources", created[kind], kind, n)
		}
	}

	// A new walk has a new instance, as in Terraform.
	inst = newInstance(settings{kafka: c.Config, requestTimeout: defaultRequestTimeout})
	topics.serve(&topicResource{inst: inst})
	acls.serve(&aclResource{inst: inst})
	c.ResetRequests()
	for _, w := range []*walk{topics, acls} {
		w.run(t, 10, (*held).read)
	}
	sum := 0
	for _, count := range c.Requests() {
		sum += count
	}
	t.Logf("requests of a refresh: %v", c.Requests())
	if sum > 20 {
		t.Errorf("a refresh of %d topics and ACLs cost %d requests: %v", n, sum, c.Requests())
	}

	c.ResetRequests()
	for _, w := range []*walk{acls, topics} {
		w.run(t, 10, (*held).delete)
	}
	t.Logf("requests of %d deletions: %v", n, c.Requests())
	for _, kind := range []string{"DeleteTopics", "DeleteACLs"} {
		if count := c.Requests()[kind]; count == 0 || count > n/8 {
			t.Errorf("%d %s requests for %d resources", count, kind, n)
		}
	}
	if left, err := loadTopics(inst.connect)(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%d topics are left, %v", len(left), err)
	}
}

func topicOf(n int) any {
	return topicModel{
		Name: types.StringValue(fmt.Sprintf("raw.web.event-%d", n)), Partitions: types.Int64Value(1), Config: types.MapNull(types.StringType),
		Placement:          types.ObjectNull(placementTypes),
		DeletionProtection: types.BoolValue(false), ForceDestroy: types.BoolValue(false),
	}
}

func aclOf(n int) any {
	operations, _ := types.SetValueFrom(context.Background(), types.StringType, []string{"READ", "DESCRIBE"})
	return aclModel{
		Principal: types.StringValue("User:refine"), Host: types.StringValue("*"), Operations: operations, PermissionType: types.StringValue("ALLOW"),
		ResourceType: types.StringValue("TOPIC"), ResourceName: types.StringValue(fmt.Sprintf("raw.web.event-%d", n)), PatternType: types.StringValue("LITERAL"),
	}
}

// held is one resource and what Terraform would hold of it.
type held struct {
	of    resource.Resource
	plan  tfsdk.Plan
	state tfsdk.State
}

// walk is many resources that Terraform works on a few at a time.
type walk struct{ all []*held }

func each(t *testing.T, n int, make func(int) *held) *walk {
	t.Helper()
	w := &walk{}
	for i := range n {
		w.all = append(w.all, make(i))
	}
	return w
}

// nth makes the n-th resource of a type out of its planned model.
func nth(t *testing.T, of resource.Resource, model func(int) any) func(int) *held {
	t.Helper()
	var described resource.SchemaResponse
	of.Schema(t.Context(), resource.SchemaRequest{}, &described)
	return func(n int) *held {
		h := &held{of: of, plan: tfsdk.Plan{Schema: described.Schema}, state: tfsdk.State{Schema: described.Schema}}
		if diags := h.plan.Set(t.Context(), model(n)); diags.HasError() {
			t.Fatal(diags)
		}
		return h
	}
}

func (w *walk) serve(of resource.Resource) {
	for _, h := range w.all {
		h.of = of
	}
}

func (w *walk) run(t *testing.T, parallelism int, do func(*held, context.Context) error) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(parallelism)
	for _, h := range w.all {
		group.Go(func() error { return do(h, ctx) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (h *held) create(ctx context.Context) error {
	resp := resource.CreateResponse{State: h.state}
	h.of.Create(ctx, resource.CreateRequest{Plan: h.plan}, &resp)
	h.state = resp.State
	return failed(resp.Diagnostics)
}

func (h *held) read(ctx context.Context) error {
	resp := resource.ReadResponse{State: h.state}
	h.of.Read(ctx, resource.ReadRequest{State: h.state}, &resp)
	if resp.State.Raw.IsNull() {
		return errors.New("a resource that was created is not read")
	}
	return failed(resp.Diagnostics)
}

func (h *held) delete(ctx context.Context) error {
	resp := resource.DeleteResponse{State: h.state}
	h.of.Delete(ctx, resource.DeleteRequest{State: h.state}, &resp)
	return failed(resp.Diagnostics)
}

func failed(diags diag.Diagnostics) error {
	if diags.HasError() {
		return fmt.Errorf("%v", diags)
	}
	return nil
}
