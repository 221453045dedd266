package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/cluster"
)

// String names the broker in a diagnostic.
func (m brokerModel) String() string { return "broker " + m.key() }

func (m brokerModel) key() string { return strconv.FormatInt(m.NodeID.ValueInt64(), 10) }

func (m brokerModel) id() int32 { return int32(m.NodeID.ValueInt64()) }

// wantsShare reports whether the broker is to have its share of replicas.
func (m brokerModel) wantsShare() bool {
	return m.Rebalance.ValueBool() && m.State.ValueString() == brokerActive
}

// takeSnapshot takes over the duty that the cluster shows. One that is down shows
// none of its cordon and its directories; it keeps what it had.
func (m *brokerModel) takeSnapshot(ctx context.Context, s cluster.Snapshot) diag.Diagnostics {
	imported := m.State.IsNull()
	seen := lookAt(s, m.id(), imported || m.State.ValueString() == brokerDrained)
	b, _ := s.Broker(m.id())
	m.Replicas = types.Int64Value(int64(seen.replicas))
	switch {
	case b.Up || imported:
		m.State = types.StringValue(seen.duty)
	case m.State.ValueString() == brokerDrained && seen.replicas > 0:
		m.State = types.StringValue(brokerCordoned)
	}
	if m.State.ValueString() != brokerActive || m.Rebalanced.IsNull() {
		m.Rebalanced = types.BoolValue(false)
	}
	if len(seen.dirs) == 0 {
		return nil
	}
	var diags diag.Diagnostics
	m.LogDirs, diags = types.SetValueFrom(ctx, types.StringType, seen.dirs)
	return diags
}

func (m *brokerModel) take(info brokerInfo) {
	m.Rack = types.StringValue(info.rack)
	m.Host = types.StringValue(info.host)
	m.Port = types.Int64Value(int64(info.port))
}

// assertRack refuses a broker that stands elsewhere than declared.
func (m brokerModel) assertRack(info brokerInfo, diags *diag.Diagnostics) {
	if m.Rack.IsNull() || m.Rack.IsUnknown() || m.Rack.ValueString() == info.rack {
		return
	}
	diags.AddAttributeError(path.Root("rack"), "Broker in another rack", fmt.Sprintf(
		"Broker %s says that its rack is %q, and %q is declared. Kafka takes broker.rack from the broker's own file at start: mend it there and restart the broker, or correct rack here.",
		m.key(), info.rack, m.Rack.ValueString()))
}

// brokerOverrides are the settings made on the broker itself.
func brokerOverrides(config map[string]configValue) map[string]string {
	overrides := map[string]string{}
	for key, value := range config {
		if value.source == kmsg.ConfigSourceDynamicBrokerConfig {
			overrides[key] = value.value
		}
	}
	return overrides
}
