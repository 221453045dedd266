// Aggregate counts events, different customers and revenue by event type and
// window: minute, hour, day and all time.
package main

import (
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
)

var spec = stream.Spec{
	Name:   "aggregate",
	About:  "counts events, customers and revenue by event type and window.",
	Reads:  []stream.Source{{Topic: processed.CustomerEventTopic, Schema: processed.CustomerEventSchema}},
	Writes: []stream.Sink{{Topic: aggregates.EventCountTopic, Schema: aggregates.EventCountSchema}},
	State:  stream.State{Topic: "state.aggregate", Version: 1},
}

func main() { stream.Main(spec, newRule) }
