package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// typeDraw is an Avro type and a draw of values as twmb/avro encodes them.
type typeDraw struct {
	schema any
	value  func(*rapid.T, string) any
}

func scalarTypes() []typeDraw {
	logical := func(base, name string) map[string]any { return map[string]any{"type": base, "logicalType": name} }
	moment := func(t *rapid.T, l string) time.Time {
		return time.UnixMilli(rapid.Int64Range(-62_000_000_000_000, 250_000_000_000_000).Draw(t, l)).UTC()
	}
	return []typeDraw{
		{"boolean", func(t *rapid.T, l string) any { return rapid.Bool().Draw(t, l) }},
		{"int", func(t *rapid.T, l string) any { return rapid.Int32().Draw(t, l) }},
		{"long", func(t *rapid.T, l string) any { return rapid.Int64().Draw(t, l) }},
		{"float", func(t *rapid.T, l string) any { return rapid.Float32().Draw(t, l) }},
		{"double", func(t *rapid.T, l string) any { return rapid.Float64().Draw(t, l) }},
		{"string", func(t *rapid.T, l string) any { return rapid.String().Draw(t, l) }},
		{"bytes", func(t *rapid.T, l string) any { return rapid.SliceOf(rapid.Byte()).Draw(t, l) }},
		{logical("long", "timestamp-millis"), func(t *rapid.T, l string) any { return moment(t, l) }},
		{logical("long", "local-timestamp-micros"), func(t *rapid.T, l string) any { return moment(t, l) }},
		{logical("int", "date"), func(t *rapid.T, l string) any { return moment(t, l).Truncate(24 * time.Hour) }},
		{logical("int", "time-millis"), func(t *rapid.T, l string) any {
			return time.Duration(rapid.Int64Range(0, 86_399_999).Draw(t, l)) * time.Millisecond
		}},
		{logical("string", "uuid"), func(t *rapid.T, l string) any {
			return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, l)).String()
		}},
		{map[string]any{"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3}, func(t *rapid.T, l string) any {
			return big.NewRat(rapid.Int64Range(-999_999_999_999, 999_999_999_999).Draw(t, l), 1000)
		}},
	}
}

// drawType draws a schema of at most depth levels. n names the types in it.
func drawType(t *rapid.T, depth int, n *int) typeDraw {
	scalars := scalarTypes()
	choice := rapid.IntRange(0, len(scalars)+5).Draw(t, "type")
	if choice < len(scalars) || depth == 0 {
		return scalars[choice%len(scalars)]
	}
	*n++
	name := fmt.Sprintf("T%d", *n)
	switch choice - len(scalars) {
	case 0:
		symbols := []any{"A", "B", "C"}
		return typeDraw{
			map[string]any{"type": "enum", "name": name, "symbols": symbols},
			func(t *rapid.T, l string) any { return rapid.SampledFrom(symbols).Draw(t, l) },
		}
	case 1:
		size := rapid.IntRange(1, 9).Draw(t, "size")
		return typeDraw{
			map[string]any{"type": "fixed", "name": name, "size": size},
			func(t *rapid.T, l string) any { return rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, l) },
		}
	case 2:
		item := drawType(t, depth-1, n)
		return typeDraw{map[string]any{"type": "array", "items": item.schema}, func(t *rapid.T, l string) any {
			list := []any{}
			for i := range rapid.IntRange(0, 4).Draw(t, l) {
				list = append(list, item.value(t, fmt.Sprint(l, i)))
			}
			return list
		}}
	case 3:
		item := drawType(t, depth-1, n)
		return typeDraw{map[string]any{"type": "map", "values": item.schema}, func(t *rapid.T, l string) any {
			entries := map[string]any{}
			for i := range rapid.IntRange(0, 4).Draw(t, l) {
				entries[rapid.String().Draw(t, l)] = item.value(t, fmt.Sprint(l, i))
			}
			return entries
		}}
	case 4:
		item := drawType(t, 0, n)
		return typeDraw{[]any{"null", item.schema}, func(t *rapid.T, l string) any {
			if rapid.Bool().Draw(t, l) {
				return nil
			}
			return item.value(t, l)
		}}
	}
	return drawRecord(t, depth, n, name)
}

func drawRecord(t *rapid.T, depth int, n *int, name string) typeDraw {
	var fields []any
	var draws []typeDraw
	for i := range rapid.IntRange(1, 5).Draw(t, "fields") {
		d := drawType(t, depth-1, n)
		draws = append(draws, d)
		fields = append(fields, map[string]any{"name": fmt.Sprint("f", i), "type": d.schema})
	}
	return typeDraw{map[string]any{"type": "record", "name": name, "fields": fields}, func(t *rapid.T, l string) any {
		value := map[string]any{}
		for i, d := range draws {
			value[fmt.Sprint("f", i)] = d.value(t, fmt.Sprint(l, i))
		}
		return value
	}}
}

// Defends the codec against another: for any schema and any value of it, the
// bytes that twmb/avro writes are rendered as JSON, and that JSON, with its
// members in any order, gives the same bytes again.
func TestJSONRoundTripAgreesWithAvro(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := 0
		draw := drawRecord(t, 3, &n, "Root")
		text, err := json.Marshal(draw.schema)
		if err != nil {
			t.Fatal(err)
		}
		s, err := CompileSchema(9, string(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		value, err := s.Encode(nil, draw.value(t, "v"))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		rendered, err := s.JSON(value)
		if err != nil {
			t.Fatalf("%s: %x: %v", text, value, err)
		}
		for _, in := range []jsontext.Value{rendered, reversed(t, rendered)} {
			got, violations := s.EncodeJSON(nil, in)
			if len(violations) > 0 || !bytes.Equal(got, value) {
				t.Fatalf("%s\n%s\n%v\n%s", text, in, violations, cmp.Diff(value, got))
			}
		}
	})
}

// reversed turns the order of the outermost members around.
func reversed(t *rapid.T, in jsontext.Value) jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewReader(in))
	if _, err := dec.ReadToken(); err != nil {
		t.Fatal(err)
	}
	var members []string
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadValue()
		member := string(name)
		if err != nil {
			t.Fatal(err)
		}
		value, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		members = append([]string{member + ":" + string(value)}, members...)
	}
	return jsontext.Value("{" + strings.Join(members, ",") + "}")
}

// Defends the gateway and every reader behind it: whatever JSON is accepted,
// another decoder can read, and what is refused is explained with valid
// pointers and writes nothing.
func FuzzEncodeJSON(f *testing.F) {
	every := compileFile(f, 1, "testdata/every_type.avsc")
	orders := compileFile(f, 2, "testdata/order_placed.avsc")
	f.Add([]byte(orderJSON))
	f.Add([]byte(everyJSON))
	f.Add([]byte(`{"order_id":"o","order_id":1,"currency":"X","items":[{}],"amount_micros":1e400,"labels":{"a":"\ud800"}}`))
	f.Add([]byte(`{"tree":{"label":"a","children":[{"label":"b"}]},"price":"1.25","several":5,"dictionary":{"a":null}}`))
	if _, violations := every.EncodeJSON(nil, []byte(everyJSON)); len(violations) > 0 {
		f.Fatal(violations)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range []*Schema{every, orders} {
			out, violations := s.EncodeJSON([]byte("dst"), data)
			if len(violations) > 0 {
				checkViolations(t, out, violations)
				continue
			}
			var v any
			if err := s.Decode(out[3:], &v); err != nil {
				t.Fatalf("accepted %q as %x, which does not decode: %v", data, out, err)
			}
			rendered, err := s.JSON(out[3:])
			if err != nil {
				t.Fatalf("accepted %q as %x, which does not render: %v", data, out, err)
			}
			again, violations := s.EncodeJSON([]byte("dst"), rendered)
			if !bytes.Equal(again, out) {
				t.Fatalf("%s does not encode as it was: %v", rendered, violations)
			}
		}
	})
}

func checkViolations(t *testing.T, out []byte, violations []Violation) {
	t.Helper()
	if string(out) != "dst" {
		t.Fatalf("a refused event wrote %q", out)
	}
	for _, v := range violations {
		if !jsontext.Pointer(v.Pointer).IsValid() || v.Rule == "" || v.Message == "" {
			t.Fatalf("unclear violation %+v", v)
		}
	}
}

// Defends tail and dead-letters, which render bytes that anybody may have put on
// a topic: nothing hangs or panics, and what is rendered is JSON.
func FuzzJSON(f *testing.F) {
	s := compileFile(f, 1, "testdata/every_type.avsc")
	f.Add([]byte{0, 0, 0, 0, 1, 2})
	f.Fuzz(func(t *testing.T, body []byte) {
		rendered, err := s.JSONBody(body)
		if err == nil && !rendered.IsValid() {
			t.Fatalf("%x rendered as %q", body, rendered)
		}
	})
}

const orderJSON = `{"order_id":"o-829312","amount_micros":129990000,"quantity":3,"currency":"EUR","coupon":"SPRING","gift":false,` +
	`"weight_kg":1.25,"items":[{"sku":"sku-1","quantity":1},{"sku":"sku-2","quantity":2}],"labels":{"channel":"web","page":"cart"},` +
	`"placed_time":"2019-10-15T00:40:00.123Z"}`

const everyJSON = `{"yes":true,"small":1,"big":-2,"half":0.5,"full":1e300,"text":"a\u00e9","blob":"aGk=","four":"AAECAw==","suit":"SPADES",` +
	`"at":"2019-10-15T00:40:00.123Z","at_micros":1571100000000000,"at_nanos":"2019-10-15T00:40:00.1Z","local":"2019-10-15T00:40:00",` +
	`"day":"2019-10-15","clock":"23:59:59.999","clock_micros":5,"uuid":"8b0c2d9e-9f0a-4c1b-8f1e-0123456789ab",` +
	`"uuid_fixed":"8b0c2d9e-9f0a-4c1b-8f1e-0123456789ab","price":"-1234567.89","price_fixed":12.5,"several":7,"list":[1,2,3],` +
	`"dictionary":{"a":1.5,"b":null},"tree":{"label":"a","children":[{"label":"b"}]},"suits":["HEARTS"]}`

// The gateway's hot spot: one order of about 300 bytes, with nested records.
func BenchmarkEncodeJSON(b *testing.B) {
	s := compileFile(b, 1, "testdata/order_placed.avsc")
	buf := make([]byte, 0, 512)
	data := []byte(orderJSON)
	b.SetBytes(int64(len(orderJSON)))
	b.ReportAllocs()
	for b.Loop() {
		out, violations := s.EncodeJSON(buf, data)
		if len(violations) > 0 || len(out) == 0 {
			b.Fatal(violations)
		}
	}
}

// The same order through generic JSON and a generic encoder, to compare with.
func BenchmarkEncodeGeneric(b *testing.B) {
	s := compileFile(b, 1, "testdata/order_placed.avsc")
	buf := make([]byte, 0, 512)
	data := []byte(orderJSON)
	b.SetBytes(int64(len(orderJSON)))
	b.ReportAllocs()
	for b.Loop() {
		var v map[string]any
		if err := json.Unmarshal(data, &v); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Encode(buf, v); err != nil {
			b.Fatal(err)
		}
	}
}
