package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/cluster"
)

// gatePatience is how long a change of a broker's settings waits for the cluster
// to be whole.
const gatePatience = 30 * time.Second

// await polls until the broker is registered and up. Brokers that do not answer
// yet are part of the wait.
func (r *brokerResource) await(ctx context.Context, plan brokerModel) (brokerInfo, error) {
	ms, err := parseDuration(plan.RegistrationTimeout.ValueString())
	if err != nil {
		return brokerInfo{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
	defer cancel()
	missing := "none has answered"
	for {
		all, err := loadBrokers(r.inst.connect)(ctx)
		if info, ok := all[plan.key()]; ok && !info.fenced {
			return info, nil
		}
		if err == nil {
			missing = "registered are " + strings.Join(slices.Sorted(maps.Keys(all)), ", ")
		} else if ctx.Err() == nil {
			missing = cause(err)
		}
		select {
		case <-ctx.Done():
			return brokerInfo{}, fmt.Errorf("it did not register within %s (%s): look at the broker's log, or raise registration_timeout",
				plan.RegistrationTimeout.ValueString(), missing)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// configure changes the broker's settings while all is well, and leaves the turn to
// the next broker once all is well with them.
func (r *brokerResource) configure(ctx context.Context, m brokerModel, changes []kadm.AlterConfig) error {
	if len(changes) == 0 {
		return nil
	}
	select {
	case r.inst.turn <- struct{}{}:
		defer func() { <-r.inst.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := r.whole(ctx); err != nil {
		return fmt.Errorf("the cluster is not whole, and settings are changed one broker at a time while it is: %w. Mend that and apply again", err)
	}
	if err := r.alter(ctx, m, changes); err != nil {
		return err
	}
	if err := r.whole(ctx); err != nil {
		return fmt.Errorf("the settings were changed, and now %w. Look at that broker's log before you change the next", err)
	}
	return nil
}

// whole waits until nothing is amiss.
func (r *brokerResource) whole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, gatePatience)
	defer cancel()
	for {
		snapshot, err := r.inst.fresh(ctx)
		if reasons := snapshot.Unwell(); err == nil && len(reasons) > 0 {
			err = errors.New(strings.Join(reasons, "; "))
		}
		if err == nil || denied(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (r *brokerResource) alter(ctx context.Context, m brokerModel, changes []kadm.AlterConfig) error {
	if len(changes) == 0 {
		return nil
	}
	defer r.inst.collector.brokerConfigs.invalidate(m.key())
	client, err := r.inst.connect(ctx)
	if err != nil {
		return err
	}
	return alterError(client.AlterBrokerConfigs(ctx, changes, int32(m.NodeID.ValueInt64())))
}

// cordon makes the broker take replicas or keeps them off it. One that is down
// cannot be told, and gets none.
func (r *brokerResource) cordon(ctx context.Context, plan brokerModel, was string) error {
	opens := plan.State.ValueString() == brokerActive
	if opens == (was == brokerActive) {
		return nil
	}
	client, err := r.inst.connect(ctx)
	if err != nil {
		return err
	}
	snapshot, err := r.inst.fresh(ctx)
	if err != nil {
		return err
	}
	b, _ := snapshot.Broker(plan.id())
	switch {
	case !b.Up && opens:
		return fmt.Errorf("broker %d is down: start it and apply again", plan.id())
	case !b.Up:
		return nil
	case opens:
		return cluster.Uncordon(ctx, client.raw, plan.id())
	}
	return cluster.Cordon(ctx, client.raw, plan.id())
}

// move empties the broker or gives it its share.
func (r *brokerResource) move(ctx context.Context, plan, state brokerModel) error {
	switch {
	case plan.State.ValueString() == brokerDrained && state.State.ValueString() != brokerDrained:
		return r.drain(ctx, plan)
	case plan.wantsShare() && !state.Rebalanced.ValueBool():
		return r.fill(ctx, plan)
	}
	return nil
}

func (r *brokerResource) drain(ctx context.Context, plan brokerModel) error {
	id := plan.id()
	return r.inst.moves.reach(ctx, "drain "+plan.key(), goal{empties: id, plan: func(s cluster.Snapshot) (cluster.Plan, error) {
		if reasons := s.DrainRefusals(id); len(reasons) > 0 {
			return cluster.Plan{}, fmt.Errorf("broker %d cannot be emptied now: %s. What has moved stays moved; apply again to go on", id, strings.Join(reasons, "; "))
		}
		return s.Drain(id)
	}})
}

func (r *brokerResource) fill(ctx context.Context, plan brokerModel) error {
	id := plan.id()
	return r.inst.moves.reach(ctx, "fill "+plan.key(), goal{empties: -1, plan: func(s cluster.Snapshot) (cluster.Plan, error) {
		if b, _ := s.Broker(id); !b.Up {
			return cluster.Plan{}, fmt.Errorf("broker %d is down: start it and apply again", id)
		}
		return s.Fill(id), nil
	}})
}

// unregister takes the broker off the cluster's list, which must be so that it is
// empty and stopped.
func (r *brokerResource) unregister(ctx context.Context, state brokerModel, diags *diag.Diagnostics) {
	snapshot, err := r.inst.fresh(ctx)
	if err == nil {
		if refuseRemoval(snapshot, state, diags); diags.HasError() {
			return
		}
		var client *clusterClient
		if client, err = r.inst.connect(ctx); err == nil {
			err = cluster.Unregister(ctx, client.raw, state.id())
		}
	}
	if err != nil {
		r.inst.fail(diags, "Unregister "+state.String(), err)
	}
}

// seenBroker is what a look at the cluster shows of a broker.
type seenBroker struct {
	duty     string
	replicas int
	dirs     []string
}

func lookAt(s cluster.Snapshot, id int32, drained bool) seenBroker {
	b, _ := s.Broker(id)
	seen := seenBroker{duty: brokerActive, replicas: len(s.Held(id)), dirs: b.Dirs}
	switch {
	case (b.Cordoned || !b.Up) && drained && seen.replicas == 0:
		seen.duty = brokerDrained
	case b.Cordoned:
		seen.duty = brokerCordoned
	}
	return seen
}

// assertDirs refuses a broker with other log directories than declared.
func (r *brokerResource) assertDirs(ctx context.Context, plan brokerModel, diags *diag.Diagnostics) seenBroker {
	snapshot, err := r.inst.fresh(ctx)
	switch {
	case denied(err) && plan.LogDirs.IsUnknown() && plan.State.ValueString() == brokerActive && !plan.wantsShare():
		return seenBroker{duty: brokerActive} // a principal with few rights may adopt a broker as it is
	case err != nil:
		r.inst.fail(diags, "Look at "+plan.String(), err)
		return seenBroker{}
	}
	plan.checkDirs(snapshot, diags)
	return lookAt(snapshot, plan.id(), false)
}

// takeDuty puts what an apply has reached into the plan that becomes the state.
func (r *brokerResource) takeDuty(ctx context.Context, plan *brokerModel, diags *diag.Diagnostics) {
	snapshot, err := r.inst.fresh(ctx)
	if err != nil && !denied(err) {
		diags.AddWarning("The replicas of "+plan.String()+" were not counted", sentence(err))
	}
	seen := lookAt(snapshot, plan.id(), false)
	if plan.Replicas.IsUnknown() {
		plan.Replicas = types.Int64Null()
		if err == nil {
			plan.Replicas = types.Int64Value(int64(seen.replicas))
		}
	}
	if plan.LogDirs.IsUnknown() {
		dirs, more := types.SetValueFrom(ctx, types.StringType, seen.dirs)
		diags.Append(more...)
		plan.LogDirs = dirs
	}
}

// checkDirs holds the declared log directories against those the broker has.
func (m brokerModel) checkDirs(s cluster.Snapshot, diags *diag.Diagnostics) {
	b, _ := s.Broker(m.id())
	if m.LogDirs.IsNull() || m.LogDirs.IsUnknown() || !b.Up || len(b.Dirs) == 0 {
		return
	}
	var want []string
	for _, element := range m.LogDirs.Elements() {
		if dir, ok := element.(types.String); ok {
			want = append(want, dir.ValueString())
		}
	}
	slices.Sort(want)
	if !slices.Equal(want, b.Dirs) {
		diags.AddAttributeError(path.Root("log_dirs"), "Broker with other log directories", fmt.Sprintf(
			"Broker %s has %s, and %s are declared. Kafka takes log.dirs from the broker's own file at start and leaves out a disk that fails: mend that and restart the broker, or correct log_dirs here.",
			m.key(), strings.Join(b.Dirs, ", "), strings.Join(want, ", ")))
	}
}
