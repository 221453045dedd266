package schemas_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/schemas/account"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/checkout"
	"headwater.internal/platform/schemas/processed"
	"headwater.internal/platform/schemas/repartition"
)

// Generated types and schemas come from one file; a tag or type that the codec
// reads otherwise would lose a field without a word.
func TestGeneratedTypesRoundTrip(t *testing.T) {
	at := time.Date(2026, 11, 2, 8, 30, 0, 125_000_000, time.UTC)
	roundTrip(t, processed.CustomerEventSchema, processed.CustomerEvent{
		ID: "1", Source: "/web", Type: checkout.OrderPlacedType, Customer: "ada",
		AnonymousID: new("anon-1"), Time: at, ReceivedTime: at, OriginalTime: new(at),
		ImportID: new("run-1"), RevenueMicros: new(int64(29_330_000)), SchemaID: 7, Data: []byte{0, 255},
	})
	roundTrip(t, processed.CustomerEventSchema, processed.CustomerEvent{Time: at, ReceivedTime: at, Data: []byte{}})
	roundTrip(t, processed.IdentityLinkSchema, processed.IdentityLink{AnonymousID: "anon-1", Customer: "ada", LinkedTime: at})
	roundTrip(t, aggregates.SessionSchema, aggregates.Session{
		SessionID: "s", Customer: "ada", Start: at, End: at.Add(time.Hour), Events: 3, PageViews: 2, RevenueMicros: 1,
		Types: map[string]int64{checkout.OrderPlacedType: 1}, Revision: 4, State: aggregates.SessionStateFinal, UpdatedTime: at,
	})
	roundTrip(t, aggregates.EventCountSchema, aggregates.EventCount{
		Type: "*", Window: aggregates.WindowAllTime, Start: time.UnixMilli(0).UTC(), Partition: 11, Events: 2, UniqueCustomers: 1,
		RevenueMicros: 3, Revision: 1, State: aggregates.CountStateOpen, UpdatedTime: at,
	})
	roundTrip(t, repartition.SessionPieceSchema, repartition.SessionPiece{
		Customer: "ada", Path: []string{"anon-1", "anon-2"}, Sequence: 1, PieceID: "p", Withdrawn: true, Start: at, End: at,
		Events: 2, PageViews: 1, RevenueMicros: 3, Types: map[string]int64{checkout.OrderPlacedType: 2},
	})
	roundTrip(t, repartition.CountChangeSchema, repartition.CountChange{
		Customer: "ada", Path: []string{"anon-1"}, Sequence: 2, Day: at,
		Minutes: []repartition.MinuteChange{{Type: checkout.OrderPlacedType, Minute: 1439, Events: -1, RevenueMicros: -5}},
	})
	roundTrip(t, checkout.OrderPlacedSchema, checkout.OrderPlaced{
		Total: 66.4, Currency: new("EUR"), Units: new(int32(2)),
		Products: []checkout.OrderedProduct{{ProductID: "3900821", Price: new(33.2)}, {ProductID: "17200506"}},
	})
	roundTrip(t, account.SubscriptionChangedSchema, account.SubscriptionChanged{
		Plan: "pro", Change: account.SubscriptionChangeUpgraded, EffectiveTime: new(at),
	})
}

func roundTrip[T any](t *testing.T, avsc string, want T) {
	t.Helper()
	schema, err := event.CompileSchema(7, avsc)
	if err != nil {
		t.Fatal(err)
	}
	value, err := schema.Encode(nil, want)
	if err != nil {
		t.Fatalf("%T: %v", want, err)
	}
	var got T
	if err := schema.Decode(value, &got); err != nil {
		t.Fatalf("%T: %v", want, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%T (-want +got):\n%s", want, diff)
	}
}
