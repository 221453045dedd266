package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/twmb/franz-go/pkg/kadm"
)

// adoption is what a takeover changes on a topic that is there.
type adoption struct {
	changes []kadm.AlterConfig // settings declared otherwise; the others stay
	grows   bool
}

// adopts compares. The error says why the topic cannot be taken over as declared.
func (m topicModel) adopts(info topicInfo, config map[string]configValue) (adoption, error) {
	var a adoption
	switch {
	case info.partitions > m.Partitions.ValueInt64():
		return a, fmt.Errorf("it has %d partitions, which cannot become %d: declare partitions = %d or more", info.partitions, m.Partitions.ValueInt64(), info.partitions)
	case m.replicas() >= 0 && info.replicationFactor != int64(m.replicas()):
		return a, fmt.Errorf("it has %d replicas: declare replication_factor = %d, and change it once the topic is taken over", info.replicationFactor, info.replicationFactor)
	case !m.Placement.IsNull():
		return a, errors.New("a topic is taken over where it stands: leave placement out, and declare it once the topic is taken over")
	}
	overrides := topicOverrides(config)
	for _, change := range configChanges(nil, m.desired()) {
		if was, ok := overrides[change.Name]; !ok || !sameList(was, *change.Value) {
			a.changes = append(a.changes, change)
		}
	}
	a.grows = info.partitions < m.Partitions.ValueInt64()
	return a, nil
}

// planAdoption says what becomes of the topic that is there.
func (r *topicResource) planAdoption(ctx context.Context, plan topicModel, info topicInfo, config map[string]configValue, records int64, diags *diag.Diagnostics) {
	if !plan.settled() || plan.Partitions.IsUnknown() {
		return
	}
	name := plan.Name.ValueString()
	a, err := plan.adopts(info, config)
	if err != nil {
		diags.AddAttributeError(path.Root("adopt_existing"), "Topic cannot be taken over", fmt.Sprintf("Topic %q is on the cluster, and %s.", name, err))
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Topic %q is on the cluster (%s, %s, about %s) and becomes this resource's.", name,
		plural(int(info.partitions), "partition"), plural(int(info.replicationFactor), "replica"), plural(int(records), "record"))
	for _, change := range a.changes {
		fmt.Fprintf(&b, "\n  %s: %s is written, it is %s", change.Name, *change.Value, config[change.Name].value)
	}
	if a.grows {
		fmt.Fprintf(&b, "\n  it grows to %d partitions, which moves keys to others", plan.Partitions.ValueInt64())
	}
	diags.AddAttributeWarning(path.Root("adopt_existing"), "Topic is taken over", b.String())
	if len(a.changes) > 0 {
		client, err := r.inst.connect(ctx)
		if err == nil {
			err = alterError(client.ValidateAlterTopicConfigs(ctx, a.changes, name))
		}
		r.dryRun(diags, fmt.Sprintf("Plan topic %q", name), err)
	}
}

// takeOver makes the topic that is there what is declared.
func (r *topicResource) takeOver(ctx context.Context, plan topicModel) (topicInfo, error) {
	name := plan.Name.ValueString()
	info, exists, err := loadTopic(r.inst.connect)(ctx, name)
	if err != nil || !exists {
		return topicInfo{}, errors.Join(err, fmt.Errorf("take topic %q over: it is there and cannot be read", name))
	}
	config, _, err := loadConfig(r.inst.connect)(ctx, name)
	if err != nil {
		return topicInfo{}, err
	}
	a, err := plan.adopts(info, config)
	if err != nil {
		return topicInfo{}, fmt.Errorf("take topic %q over: %w", name, err)
	}
	if len(a.changes) > 0 {
		if err := r.alter(ctx, name, a.changes); err != nil {
			return topicInfo{}, err
		}
	}
	if a.grows {
		if err := r.grow(ctx, plan, info.partitions, info.replicationFactor, false); err != nil {
			return topicInfo{}, err
		}
		info.partitions = plan.Partitions.ValueInt64()
	}
	info.leaderless = 0
	return r.awaitLeaders(ctx, name, info), nil
}
