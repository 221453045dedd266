package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"golang.org/x/sync/errgroup"

	"headwater.internal/platform/internal/kafkatest"
)

// BenchmarkWalk is what each step of Terraform costs the provider for a resource:
// 100 topics with three ACLs each, ten at a time, over the protocol that Terraform
// speaks and fake brokers. Memory is the provider's and the brokers'.
func BenchmarkWalk(b *testing.B) {
	c := kafkatest.Start(b, kafkatest.WithBrokers(3))
	const topics = 100
	for _, step := range []string{"create", "no-op plan", "destroy"} {
		b.Run(step, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				p := protocolTo(b, c, nil)
				all := scaleResources(p, topics)
				run := func(do func(context.Context, *scaled) error) {
					p.walk(b, all, do)
				}
				if step != "create" {
					run(p.create)
				}
				b.StartTimer()
				switch step {
				case "create":
					run(p.create)
				case "no-op plan":
					*p = *protocolTo(b, c, nil)
					run(p.replan)
				case "destroy":
					*p = *protocolTo(b, c, nil)
					run(p.destroy)
				}
				b.StopTimer()
				if step != "destroy" {
					*p = *protocolTo(b, c, nil)
					run(p.destroy)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*topics*4), "us/resource")
		})
	}
}

// scaled is one resource as Terraform holds it.
type scaled struct {
	typeName string
	kind     tftypes.Type
	config   tftypes.Value
	state    *tfprotov6.DynamicValue
	identity *tfprotov6.ResourceIdentityData
	private  []byte
}

func scaleResources(p *protocol, topics int) []*scaled {
	p.t.Helper()
	var all []*scaled
	add := func(typeName string, values map[string]tftypes.Value) {
		kind := p.schemas.ResourceSchemas[typeName].ValueType()
		all = append(all, &scaled{typeName: typeName, kind: kind, config: p.value(kind, values)})
	}
	for n := range topics {
		name := fmt.Sprintf("bench.topic-%d", n)
		values := texts(map[string]string{"name": name})
		values["partitions"] = tftypes.NewValue(tftypes.Number, 1)
		values["replication_factor"] = tftypes.NewValue(tftypes.Number, 3)
		values["deletion_protection"] = tftypes.NewValue(tftypes.Bool, false)
		values["config"] = tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, texts(map[string]string{"cleanup.policy": "delete", "retention.ms": "86400000"}))
		add("headwater_topic", values)
		for reader := range 3 {
			values := texts(map[string]string{"principal": fmt.Sprintf("User:reader-%d", reader), "resource_type": "TOPIC", "resource_name": name})
			values["operations"] = tftypes.NewValue(tftypes.Set{ElementType: tftypes.String}, []tftypes.Value{tftypes.NewValue(tftypes.String, "READ")})
			add("headwater_acl", values)
		}
	}
	return all
}

func (p *protocol) walk(tb testing.TB, all []*scaled, do func(context.Context, *scaled) error) {
	tb.Helper()
	group, ctx := errgroup.WithContext(tb.Context())
	group.SetLimit(10)
	for _, r := range all {
		group.Go(func() error { return do(ctx, r) })
	}
	if err := group.Wait(); err != nil {
		tb.Fatal(err)
	}
}

func (p *protocol) create(ctx context.Context, r *scaled) error {
	return p.change(ctx, r, r.config, true)
}

func (p *protocol) destroy(ctx context.Context, r *scaled) error {
	return p.change(ctx, r, tftypes.NewValue(r.kind, nil), true)
}

// replan validates, reads and plans a resource that did not change.
func (p *protocol) replan(ctx context.Context, r *scaled) error {
	upgraded, err := p.server.UpgradeResourceState(ctx, &tfprotov6.UpgradeResourceStateRequest{TypeName: r.typeName, RawState: &tfprotov6.RawState{JSON: p.json(r)}})
	if err != nil {
		return err
	}
	read, err := p.server.ReadResource(ctx, &tfprotov6.ReadResourceRequest{TypeName: r.typeName, CurrentState: upgraded.UpgradedState, CurrentIdentity: r.identity, Private: r.private})
	if err != nil {
		return err
	}
	p.refuse(read.Diagnostics)
	state, err := read.NewState.Unmarshal(r.kind)
	if err != nil {
		return err
	}
	return p.change(ctx, r, state, false)
}

func (p *protocol) json(r *scaled) []byte {
	value, err := r.state.Unmarshal(r.kind)
	if err != nil {
		p.t.Fatal(err)
	}
	return jsonOf(p.t, value)
}

// change validates and plans a resource and, if asked, applies the plan.
func (p *protocol) change(ctx context.Context, r *scaled, proposed tftypes.Value, apply bool) error {
	config, err := tfprotov6.NewDynamicValue(r.kind, r.config)
	if err != nil {
		return err
	}
	proposal, err := tfprotov6.NewDynamicValue(r.kind, proposed)
	if err != nil {
		return err
	}
	if !proposed.IsNull() {
		valid, err := p.server.ValidateResourceConfig(ctx, &tfprotov6.ValidateResourceConfigRequest{TypeName: r.typeName, Config: &config})
		if err != nil {
			return err
		}
		p.refuse(valid.Diagnostics)
	} else {
		config = proposal
	}
	if r.state == nil {
		none, err := tfprotov6.NewDynamicValue(r.kind, tftypes.NewValue(r.kind, nil))
		if err != nil {
			return err
		}
		r.state = &none
	}
	plan, err := p.server.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{
		TypeName: r.typeName, PriorState: r.state, ProposedNewState: &proposal, Config: &config, PriorPrivate: r.private, PriorIdentity: r.identity,
	})
	if err != nil {
		return err
	}
	p.refuse(plan.Diagnostics)
	if !apply {
		return nil
	}
	applied, err := p.server.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: r.typeName, PriorState: r.state, PlannedState: plan.PlannedState, Config: &config, PlannedPrivate: plan.PlannedPrivate, PlannedIdentity: plan.PlannedIdentity,
	})
	if err != nil {
		return err
	}
	p.refuse(applied.Diagnostics)
	r.state, r.private, r.identity = applied.NewState, applied.Private, applied.NewIdentity
	if proposed.IsNull() {
		r.state, r.private, r.identity = nil, nil, nil
	}
	return nil
}

// jsonOf is a state as Terraform's state file has it.
func jsonOf(tb testing.TB, value tftypes.Value) []byte {
	tb.Helper()
	text, err := json.Marshal(plain(tb, value))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// plain is a value as encoding/json takes it.
func plain(tb testing.TB, value tftypes.Value) any {
	tb.Helper()
	if value.IsNull() {
		return nil
	}
	var object map[string]tftypes.Value
	var list []tftypes.Value
	switch kind := value.Type(); {
	case kind.Is(tftypes.String):
		return as[string](tb, value)
	case kind.Is(tftypes.Bool):
		return as[bool](tb, value)
	case kind.Is(tftypes.Number):
		n := as[big.Float](tb, value)
		f, _ := n.Float64()
		return f
	case value.As(&object) == nil:
		all := map[string]any{}
		for name, v := range object {
			all[name] = plain(tb, v)
		}
		return all
	default:
		list = as[[]tftypes.Value](tb, value)
		all := []any{}
		for _, v := range list {
			all = append(all, plain(tb, v))
		}
		return all
	}
}

func as[T any](tb testing.TB, value tftypes.Value) T {
	tb.Helper()
	var to T
	if err := value.As(&to); err != nil {
		tb.Fatal(err)
	}
	return to
}
