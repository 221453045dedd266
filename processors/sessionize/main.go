// Sessionize turns a customer's events into sessions: a session ends where the
// customer is silent for longer than the gap.
package main

import (
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
	"headwater.internal/platform/schemas/repartition"
)

var spec = stream.Spec{
	Name:  "sessionize",
	About: "turns a customer's events into sessions.",
	Reads: []stream.Source{
		{Topic: processed.CustomerEventTopic, Schema: processed.CustomerEventSchema},
		{Topic: processed.IdentityLinkTopic, Schema: processed.IdentityLinkSchema, Stage: "sessionize.identity"},
		{Topic: repartition.SessionPieceTopic, Schema: repartition.SessionPieceSchema, Stage: "sessionize.identity"},
	},
	Writes: []stream.Sink{
		{Topic: aggregates.SessionTopic, Schema: aggregates.SessionSchema, SamePartition: true},
		{Topic: repartition.SessionPieceTopic, Schema: repartition.SessionPieceSchema, KeepsReceipt: true},
	},
	State: stream.State{Topic: "state.sessionize", Version: 1},
}

func main() { stream.Main(spec, newRule) }
