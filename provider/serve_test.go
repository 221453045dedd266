package main

import (
	"context"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// A call must leave nothing behind, or thousands of them fill the memory. The
// framework alone keeps each call's context: when it no longer does, the second half
// fails and lightServer can go.
func TestCallsAreForgotten(t *testing.T) {
	t.Parallel()
	p := protocolTo(t, nil, nil)
	if held := p.afterCall(p.server); held.Value() != nil {
		t.Error("the context of a call is kept")
	}
	if held := p.afterCall(p.server.protocolServer); held.Value() == nil {
		t.Error("the framework forgets contexts by itself")
	}
}

type heldKey struct{}

// afterCall makes a call whose context holds something, collects garbage, and
// returns what was held.
func (p *protocol) afterCall(server tfprotov6.ProviderServer) weak.Pointer[[1 << 16]byte] {
	p.t.Helper()
	something := new([1 << 16]byte)
	held := weak.Make(something)
	kind := p.schemas.ResourceSchemas["headwater_topic"].ValueType()
	config, err := tfprotov6.NewDynamicValue(kind, p.value(kind, texts(map[string]string{"name": "raw.web.clicked"})))
	if err != nil {
		p.t.Fatal(err)
	}
	ctx := context.WithValue(p.t.Context(), heldKey{}, something)
	if _, err := server.ValidateResourceConfig(ctx, &tfprotov6.ValidateResourceConfigRequest{TypeName: "headwater_topic", Config: &config}); err != nil {
		p.t.Fatal(err)
	}
	runtime.GC()
	runtime.GC()
	runtime.KeepAlive(server)
	return held
}

// A call that Terraform gives up must end.
func TestLightContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	own, done := light(ctx)
	defer done()
	if own.Err() != nil {
		t.Fatal("the context ends before its call")
	}
	cancel()
	select {
	case <-own.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the context does not end with its call")
	}
}
