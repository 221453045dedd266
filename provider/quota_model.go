package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/twmb/franz-go/pkg/kadm"
)

// Limits of a quota, as Kafka and our schema both spell them.
const (
	limitProducer    = "producer_byte_rate"
	limitConsumer    = "consumer_byte_rate"
	limitRequests    = "request_percentage"
	limitMutations   = "controller_mutation_rate"
	limitConnections = "connection_creation_rate"
)

// String names the quota in a diagnostic.
func (m quotaModel) String() string { return fmt.Sprintf("quota of %q", m.entity().key()) }

// entity reads the nested attribute.
func (m quotaModel) entity() quotaEntity {
	part := func(name string) string {
		s, _ := m.Entity.Attributes()[name].(types.String)
		return s.ValueString()
	}
	return quotaEntity{user: part("user"), clientID: part("client_id"), ip: part("ip")}
}

// has reports whether a part of the entity is given, known or not.
func (m quotaModel) has(part string) bool {
	value, ok := m.Entity.Attributes()[part]
	return ok && !value.IsNull()
}

// limits are the limits given.
func (m quotaModel) limits() map[string]float64 {
	limits := map[string]float64{}
	for name, value := range map[string]types.Int64{limitProducer: m.ProducerByteRate, limitConsumer: m.ConsumerByteRate, limitConnections: m.ConnectionCreationRate} {
		if !value.IsNull() && !value.IsUnknown() {
			limits[name] = float64(value.ValueInt64())
		}
	}
	for name, value := range map[string]types.Float64{limitRequests: m.RequestPercentage, limitMutations: m.ControllerMutationRate} {
		if !value.IsNull() && !value.IsUnknown() {
			limits[name] = value.ValueFloat64()
		}
	}
	return limits
}

// take reads the owned limits out of what the brokers have. A model without any
// has just been imported and owns all.
func (m *quotaModel) take(found map[string]float64) {
	owned := m.limits()
	imported := len(owned) == 0
	value := func(name string) (float64, bool) {
		_, mine := owned[name]
		v, ok := found[name]
		return v, ok && (mine || imported)
	}
	number := func(name string) types.Int64 {
		if v, ok := value(name); ok {
			return types.Int64Value(int64(v))
		}
		return types.Int64Null()
	}
	fraction := func(name string) types.Float64 {
		if v, ok := value(name); ok {
			return types.Float64Value(v)
		}
		return types.Float64Null()
	}
	m.ProducerByteRate = number(limitProducer)
	m.ConsumerByteRate = number(limitConsumer)
	m.RequestPercentage = fraction(limitRequests)
	m.ControllerMutationRate = fraction(limitMutations)
	m.ConnectionCreationRate = number(limitConnections)
}

// quotaChanges lists the writes that turn the limits have into want.
func quotaChanges(have, want map[string]float64) []kadm.AlterClientQuotaOp {
	var ops []kadm.AlterClientQuotaOp
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if was, ok := have[name]; !ok || was != want[name] {
			ops = append(ops, kadm.AlterClientQuotaOp{Key: name, Value: want[name]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, kept := want[name]; !kept {
			ops = append(ops, kadm.AlterClientQuotaOp{Key: name, Remove: true})
		}
	}
	return ops
}
