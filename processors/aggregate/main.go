// Aggregate counts events, different customers and revenue by event type and
// window: minute, hour, day and all time.
package main

import (
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
	"headwater.internal/platform/schemas/repartition"
)

var spec = stream.Spec{
	Name:  "aggregate",
	About: "counts events, customers and revenue by event type and window.",
	Reads: []stream.Source{
		{Topic: processed.CustomerEventTopic, Schema: processed.CustomerEventSchema},
		{Topic: processed.IdentityLinkTopic, Schema: processed.IdentityLinkSchema, Stage: "aggregate.identity"},
		{Topic: repartition.CountChangeTopic, Schema: repartition.CountChangeSchema, Stage: "aggregate.identity"},
	},
	Writes: []stream.Sink{
		{Topic: aggregates.EventCountTopic, Schema: aggregates.EventCountSchema},
		{Topic: repartition.CountChangeTopic, Schema: repartition.CountChangeSchema, KeepsReceipt: true},
	},
	State: stream.State{Topic: "state.aggregate", Version: 1},
}

func main() { stream.Main(spec, newRule) }
