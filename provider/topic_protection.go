package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/twmb/franz-go/pkg/kerr"
)

// liftProtection is how a protected topic can be destroyed after all.
const liftProtection = "If that is meant, set deletion_protection = false on it (for an event of the catalogue: " +
	"retired = true) and apply that first; the protection that counts is the one in the state. Then destroy it in the next apply."

// refuseLoss refuses to destroy a topic that is protected and holds records or is
// being read. What cannot be counted is taken for records.
func (r *topicResource) refuseLoss(ctx context.Context, state topicModel, diags *diag.Diagnostics) {
	if !state.DeletionProtection.ValueBool() {
		return
	}
	if !state.ForceDestroy.ValueBool() {
		r.refuseRecords(ctx, state, diags)
	}
	if !diags.HasError() {
		r.refuseReaders(ctx, state, diags)
	}
}

func (r *topicResource) refuseRecords(ctx context.Context, state topicModel, diags *diag.Diagnostics) {
	name := state.Name.ValueString()
	records, exists, err := r.inst.collector.records.get(ctx, name)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition) || err == nil && !exists:
		return
	case err != nil:
		r.inst.failPlan(diags, fmt.Sprintf("Count the records of protected topic %q", name), err)
	case records > 0:
		diags.AddError(fmt.Sprintf("Topic %q is protected and holds records", name), fmt.Sprintf(
			"Destroying it would lose about %d records. %s", records, liftProtection))
	}
}

// refuseReaders looks once more before it refuses: groups leave while an apply goes
// on.
func (r *topicResource) refuseReaders(ctx context.Context, state topicModel, diags *diag.Diagnostics) {
	name := state.Name.ValueString()
	groups, active, err := r.inst.collector.readers.get(ctx, name)
	if err == nil && active {
		r.inst.collector.readers.invalidate(name)
		groups, active, err = r.inst.collector.readers.get(ctx, name)
	}
	switch {
	case denied(err):
		r.inst.warnUnchecked(diags, "The provider's principal may not look at consumer groups, so nobody checked whether a protected topic is still read: "+sentence(err))
	case err != nil:
		r.inst.failPlan(diags, fmt.Sprintf("Look for readers of protected topic %q", name), err)
	case active:
		diags.AddError(fmt.Sprintf("Topic %q is protected and being read", name), fmt.Sprintf(
			"Active on it: %s. Stop them first, or take the topic from what they subscribe to. %s", strings.Join(groups, ", "), liftProtection))
	}
}
