package event

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

func fullEnvelope() Envelope {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5_000_000, time.UTC)
	return Envelope{
		ID: "e1", Source: "shop", Type: "checkout.order_placed", Subject: "c1",
		Time: at, ReceivedTime: at.Add(time.Second), OriginalTime: at.Add(time.Hour), SentTime: at.Add(2 * time.Second),
		AnonymousID: "a1", ImportID: "i1", TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
}

// Defends every stage: what one writes as headers the next reads back.
func TestHeadersRoundTrip(t *testing.T) {
	minimal := Envelope{ID: "e1", Source: "s", Type: "d.e", AnonymousID: "a", Time: time.Unix(1, 0).UTC()}
	for _, want := range []Envelope{fullEnvelope(), minimal} {
		got, err := ParseHeaders(append(want.Headers(), kgo.RecordHeader{Key: "unknown", Value: []byte("x")}))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Defends dead letters' reasons: a broken envelope names the attribute.
func TestParseHeadersNamesTheAttribute(t *testing.T) {
	for attribute, value := range map[string]string{
		HeaderSpecVersion: "0.3", HeaderID: "", HeaderSource: "", HeaderType: "",
		HeaderTime: "yesterday", HeaderReceivedTime: "x", HeaderSentTime: "1",
	} {
		headers := fullEnvelope().Headers()
		for i := range headers {
			if headers[i].Key == attribute {
				headers[i].Value = []byte(value)
			}
		}
		_, err := ParseHeaders(headers)
		var broken *AttributeError
		if !errors.As(err, &broken) || broken.Attribute != attribute {
			t.Errorf("%s=%q: %v, want an AttributeError naming it", attribute, value, err)
		}
	}
	if _, err := ParseHeaders(nil); err == nil {
		t.Error("no headers at all were accepted")
	}
	nobody := fullEnvelope()
	nobody.Subject, nobody.AnonymousID = "", ""
	if _, err := ParseHeaders(nobody.Headers()); err == nil || !strings.Contains(err.Error(), HeaderSubject) {
		t.Errorf("an event of nobody: %v", err)
	}
}

// Defends sessions and windows from wrong clocks: 2099 is clamped, the past and
// five minutes ahead are not.
func TestClamp(t *testing.T) {
	received := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		at, want time.Time
		changed  bool
	}{
		{received.AddDate(73, 0, 0), received.Add(MaxAhead), true},
		{received.Add(MaxAhead + 1), received.Add(MaxAhead), true},
		{received.Add(MaxAhead), received.Add(MaxAhead), false},
		{received.AddDate(-11, 0, 0), received.AddDate(-11, 0, 0), false},
	} {
		got, changed := Clamp(c.at, received)
		if !got.Equal(c.want) || changed != c.changed {
			t.Errorf("Clamp(%s) = %s, %t", c.at, got, changed)
		}
	}
}

// Defends readers from bytes that are no event at all.
func TestSchemaID(t *testing.T) {
	if id, err := SchemaID([]byte{0, 0, 1, 0, 2, 9}); err != nil || id != 65538 {
		t.Errorf("%d, %v", id, err)
	}
	for _, value := range [][]byte{nil, {0, 0, 0, 1}, {1, 0, 0, 0, 1, 5}} {
		if _, err := SchemaID(value); !errors.Is(err, ErrNoPrefix) {
			t.Errorf("%x: %v", value, err)
		}
	}
}

// Defends Decode: a value of another schema or with bytes left over is refused.
func TestDecodeRefuses(t *testing.T) {
	s := compileFile(t, 7, "testdata/order_placed.avsc")
	value, violations := s.EncodeJSON(nil, []byte(orderJSON))
	if len(violations) > 0 {
		t.Fatal(violations)
	}
	var order map[string]any
	if err := s.Decode(value, &order); err != nil || order["order_id"] != "o-829312" {
		t.Errorf("%+v, %v", order, err)
	}
	if err := s.Decode(append(value, 0), &order); err == nil {
		t.Error("a byte left over was accepted")
	}
	other := compileFile(t, 8, "testdata/order_placed.avsc")
	if err := other.Decode(value, &order); err == nil || !strings.Contains(err.Error(), "schema 7") {
		t.Errorf("a value of another schema: %v", err)
	}
}
