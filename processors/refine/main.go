// Refine turns raw records into customer events: each validated against the
// schema it was written with, and written once however often it was sent.
package main

import (
	"headwater.internal/platform/processors/internal/stream"
	"headwater.internal/platform/schemas/processed"
)

var spec = stream.Spec{
	Name:  "refine",
	About: "validates raw events, takes out duplicates and makes them one stream per customer.",
	Reads: []stream.Source{{Topic: `^raw\.`}},
	Writes: []stream.Sink{
		{Topic: processed.CustomerEventTopic, Schema: processed.CustomerEventSchema, KeepsReceipt: true},
		{Topic: processed.IdentityLinkTopic, Schema: processed.IdentityLinkSchema, KeepsReceipt: true},
	},
	State:            stream.State{Topic: "state.refine", Version: 1, Expires: true},
	FollowsCatalogue: true,
}

func main() { stream.Main(spec, newRule) }
