package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// retentionKey is the setting behind the attribute retention.
const retentionKey = "retention.ms"

// replicas is the replication factor to ask for; -1 is the brokers' default.
func (m topicModel) replicas() int16 {
	if m.ReplicationFactor.IsNull() || m.ReplicationFactor.IsUnknown() {
		return -1
	}
	return int16(m.ReplicationFactor.ValueInt64())
}

// desired is config with what is written in units in it. The caller has seen that
// all values are known and valid.
func (m topicModel) desired() map[string]string {
	desired := mapOf(m.Config)
	for _, u := range unitAttributes {
		if written := u.of(&m); !written.IsNull() {
			if n, err := u.parse(written.ValueString()); err == nil {
				desired[u.key] = strconv.FormatInt(n, 10)
			}
		}
	}
	return desired
}

// keepSettings takes over the settings of another model.
func (m *topicModel) keepSettings(from topicModel) {
	m.Config = from.Config
	for _, u := range unitAttributes {
		*u.of(m) = *u.of(&from)
	}
}

// mapOf reads a map of known strings.
func mapOf(m types.Map) map[string]string {
	values := make(map[string]string, len(m.Elements()))
	for key, element := range m.Elements() {
		if s, ok := element.(types.String); ok && !s.IsNull() && !s.IsUnknown() {
			values[key] = s.ValueString()
		}
	}
	return values
}

// changes lists the settings to write so that what state says becomes what m
// says: changed keys are set, keys no longer owned go back to the default.
func (m topicModel) changes(state topicModel) []kadm.AlterConfig {
	return configChanges(state.desired(), m.desired())
}

// configChanges lists the writes that turn the settings have into want.
func configChanges(have, want map[string]string) []kadm.AlterConfig {
	var changes []kadm.AlterConfig
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if was, ok := have[key]; !ok || was != want[key] {
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: kadm.StringPtr(want[key])})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, kept := want[key]; !kept {
			changes = append(changes, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: key})
		}
	}
	return changes
}

// take puts what the brokers have into the model: of the settings only those that
// the model owns. A model without an id has just been imported and owns them all.
func (m *topicModel) take(ctx context.Context, info topicInfo, config map[string]configValue) diag.Diagnostics {
	overrides := topicOverrides(config)
	imported := m.TopicID.IsNull()
	m.TopicID = types.StringValue(topicUUID(info.id))
	m.Partitions = types.Int64Value(info.partitions)
	m.ReplicationFactor = types.Int64Value(info.replicationFactor)
	m.Reassignment = types.StringValue(reassignmentOf(info, config))
	for _, u := range unitAttributes {
		if imported && u.imported || !u.of(m).IsNull() {
			u.take(m, overrides)
			delete(overrides, u.key)
		}
	}
	var diags diag.Diagnostics
	m.Config, diags = takeConfig(ctx, m.Config, overrides, imported)
	return diags
}

// takeConfig reads the owned keys out of the overrides. A key whose override is
// gone is left out, so that the plan writes it again.
func takeConfig(ctx context.Context, owned types.Map, overrides map[string]string, all bool) (types.Map, diag.Diagnostics) {
	have := mapOf(owned)
	values := map[string]string{}
	for key, value := range overrides {
		was, mine := have[key]
		if !mine && !all {
			continue
		}
		if mine && sameList(was, value) {
			value = was
		}
		values[key] = value
	}
	if len(values) == 0 && (owned.IsNull() || all) {
		return types.MapNull(types.StringType), nil
	}
	return types.MapValueFrom(ctx, types.StringType, values)
}

// sameList compares values without regard to blanks after commas, which the
// brokers do not keep.
func sameList(a, b string) bool {
	return strings.ReplaceAll(a, ", ", ",") == strings.ReplaceAll(b, ", ", ",")
}

// topicOverrides are the settings made on the topic itself, without the throttles
// that belong to a running reassignment.
func topicOverrides(config map[string]configValue) map[string]string {
	overrides := map[string]string{}
	for key, value := range config {
		if value.source == kmsg.ConfigSourceDynamicTopicConfig && !throttleKeys[key] {
			overrides[key] = value.value
		}
	}
	return overrides
}
