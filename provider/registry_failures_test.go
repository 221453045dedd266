package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/twmb/franz-go/pkg/sr"
)

// before lets trouble answer requests in the place of the registry, as long as it
// says that it did.
func (g *testRegistry) before(t *testing.T, trouble func(http.ResponseWriter, *http.Request) bool) *testRegistry {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !trouble(w, req) {
			req.URL.Scheme, req.URL.Host, req.RequestURI = "http", strings.TrimPrefix(g.url, "http://"), ""
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			defer resp.Body.Close()
			w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
			w.WriteHeader(resp.StatusCode)
			io.Copy(w, resp.Body)
		}
	}))
	t.Cleanup(server.Close)
	return &testRegistry{Client: g.Client, url: server.URL}
}

func unavailable(w http.ResponseWriter) bool {
	http.Error(w, `{"error_code":50301,"message":"the store is away"}`, http.StatusServiceUnavailable)
	return true
}

// A registry that answers 503 makes one diagnostic for a whole plan, which says
// whose fault that is; the next plan finishes.
func TestRegistryFailing(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	g := startRegistry(t).before(t, func(w http.ResponseWriter, _ *http.Request) bool { return down.Load() && unavailable(w) })
	accept(
		t,
		resource.TestStep{Config: g.with(subjects(3)), ExpectError: flexible("answered 503: the store is away. That is a fault of the registry")},
		resource.TestStep{PreConfig: func() { down.Store(false) }, Config: g.with(subjects(3))},
	)
	down.Store(true)
	inst := g.resource().inst
	var diags diag.Diagnostics
	for range 3 {
		_, _, err := inst.schemaRegistry.latest.get(t.Context(), "s0")
		inst.failRegistry(&diags, "Plan", err, true)
	}
	if diags.ErrorsCount() != 1 {
		t.Errorf("diagnostics: %v", diags)
	}
}

// A read that is answered 503 or 429 now and then is asked again and never seen.
func TestRegistryBusyForAMoment(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	registry := startRegistry(t)
	registry.put(t, "s", orderV1)
	g := registry.before(t, func(w http.ResponseWriter, _ *http.Request) bool {
		switch asked.Add(1) {
		case 1:
			return unavailable(w)
		case 2:
			http.Error(w, `{"message":"slow down"}`, http.StatusTooManyRequests)
			return true
		}
		return false
	})
	if _, found, err := g.resource().inst.schemaRegistry.loadSubject(t.Context(), "s"); err != nil || !found || asked.Load() != 3 {
		t.Errorf("after %d tries: %v, %v", asked.Load(), found, err)
	}
}

// A registry that hangs holds fifty readers up for one timeout, not each of them,
// and makes one diagnostic.
func TestRegistryHangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	g := startRegistry(t).before(t, func(http.ResponseWriter, *http.Request) bool {
		<-release
		return true
	})
	defer close(release)
	const timeout = 400 * time.Millisecond
	inst := newInstance(settings{registry: registrySettings{url: g.url}, requestTimeout: timeout})
	var diags diag.Diagnostics
	begun := time.Now()
	for range 5 { // Terraform's ten at a time
		var all sync.WaitGroup
		var mu sync.Mutex
		for range 10 {
			all.Go(func() {
				_, _, _, err := inst.schemaRegistry.read(context.Background(), "s", true)
				mu.Lock()
				defer mu.Unlock()
				inst.failRegistry(&diags, "Read", err, true)
			})
		}
		all.Wait()
	}
	if took := time.Since(begun); took > 5*timeout {
		t.Errorf("50 readers waited %s with a timeout of %s", took, timeout)
	}
	if diags.ErrorsCount() != 1 || !strings.Contains(diags[0].Detail(), "raise request_timeout") {
		t.Errorf("diagnostics: %v", diags)
	}
}

// A registration whose answer is lost is an error whose state stays true: the next
// apply finds the schema, and the one after has nothing to do.
func TestRegistrationAnswerLost(t *testing.T) {
	t.Parallel()
	registry := startRegistry(t)
	var lost atomic.Bool
	g := registry.before(t, func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/versions") || lost.Swap(true) {
			return false
		}
		registry.put(t, "s", orderV1)
		return unavailable(w)
	})
	accept(
		t,
		resource.TestStep{Config: g.with(subject(orderV1, "")), ExpectError: flexible("Whether it took this request is looked up by the next apply")},
		resource.TestStep{Config: g.with(subject(orderV1, ""))},
		resource.TestStep{Config: g.with(subject(orderV1, "")), ConfigPlanChecks: emptyPlan()},
	)
	if !lost.Load() {
		t.Error("no answer was lost")
	}
}

// A first apply that fails takes back the level it set, to the one that somebody
// else had given the subject.
func TestLevelIsTakenBack(t *testing.T) {
	t.Parallel()
	registry := startRegistry(t)
	registry.put(t, "s", orderV1)
	if err := registry.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatForward}, "s")[0].Err; err != nil {
		t.Fatal(err)
	}
	g := registry.before(t, func(w http.ResponseWriter, req *http.Request) bool {
		return req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/subjects/s/versions") && !strings.Contains(req.URL.Path, "compatibility") && unavailable(w)
	})
	accept(t, resource.TestStep{
		Config:           g.with(subject(orderV2, `compatibility_level = "FULL"`)),
		ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectNonEmptyPlan()}},
		ExpectError:      flexible("answered 503"),
	})
	if err := registry.hasLevel("s", sr.CompatForward)(nil); err != nil {
		t.Error(err)
	}
}
