package event

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func compileFile(t testing.TB, id int, path string) *Schema {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := CompileSchema(id, string(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A record field with the given type and nothing else.
func oneField(t testing.TB, avroType string) *Schema {
	t.Helper()
	s, err := CompileSchema(1, `{"type":"record","name":"R","namespace":"n","fields":[{"name":"f","type":`+avroType+`}]}`)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Defends what a sender is told: each kind of mistake has its pointer, its rule
// and a sentence with what was expected and what came.
func TestEncodeJSONRefuses(t *testing.T) {
	orders := compileFile(t, 7, "testdata/order_placed.avsc")
	const good = `"order_id":"o1","amount_micros":5,"currency":"EUR"`
	for name, c := range map[string]struct {
		json string
		want []Violation
	}{
		"missing":       {`{"amount_micros":5,"currency":"EUR"}`, []Violation{{"/order_id", RuleRequired, `expected member "order_id" (a string), got none`}}},
		"wrong type":    {`{"order_id":5,"amount_micros":"5","currency":"EUR"}`, []Violation{{"/order_id", RuleType, `expected a string, got the number 5`}, {"/amount_micros", RuleType, `expected an integer of 64 bits, got the string "5"`}}},
		"null":          {`{"order_id":null,"amount_micros":1,"currency":"EUR"}`, []Violation{{"/order_id", RuleType, `expected a string, got null`}}},
		"extra":         {`{` + good + `,"cupon":"x"}`, []Violation{{"/cupon", RuleAdditional, `expected only members that checkout.OrderPlaced declares, got "cupon", did you mean "coupon"?`}}},
		"extra object":  {`{` + good + `,"zzzzz":{"a":[1]}}`, []Violation{{"/zzzzz", RuleAdditional, `expected only members that checkout.OrderPlaced declares, got "zzzzz"`}}},
		"enum":          {`{"order_id":"o","amount_micros":5,"currency":"DEM"}`, []Violation{{"/currency", RuleEnum, `expected one of EUR, USD, GBP, got the string "DEM"`}}},
		"int range":     {`{` + good + `,"quantity":2147483648}`, []Violation{{"/quantity", RuleRange, `expected an integer of 32 bits, got the number 2147483648, which does not fit`}}},
		"long range":    {`{"order_id":"o","amount_micros":9223372036854775808,"currency":"EUR"}`, []Violation{{"/amount_micros", RuleRange, `expected an integer of 64 bits, got the number 9223372036854775808, which does not fit`}}},
		"fraction":      {`{` + good + `,"quantity":1.5}`, []Violation{{"/quantity", RuleType, `expected an integer of 32 bits, got the number 1.5`}}},
		"union":         {`{` + good + `,"coupon":5}`, []Violation{{"/coupon", RuleType, `expected null or a string, got the number 5`}}},
		"nested":        {`{` + good + `,"items":[{"sku":"a"},{"sku":2}]}`, []Violation{{"/items/1/sku", RuleType, `expected a string, got the number 2`}}},
		"nested miss":   {`{` + good + `,"items":[{"quantity":2}]}`, []Violation{{"/items/0/sku", RuleRequired, `expected member "sku" (a string), got none`}}},
		"array":         {`{` + good + `,"items":{}}`, []Violation{{"/items", RuleType, `expected an array, got an object`}}},
		"map value":     {`{` + good + `,"labels":{"a/b~c":1}}`, []Violation{{"/labels/a~1b~0c", RuleType, `expected a string, got the number 1`}}},
		"time":          {`{` + good + `,"placed_time":"yesterday"}`, []Violation{{"/placed_time", RuleFormat, `expected a time (RFC 3339 or milliseconds), got the string "yesterday"`}}},
		"duplicate":     {`{` + good + `,"order_id":"o2"}`, []Violation{{"/order_id", RuleDuplicate, `expected each member once, got "order_id" a second time`}}},
		"deep dup":      {`{` + good + `,"labels":{"a":"1","a":"2"}}`, []Violation{{"/labels/a", RuleDuplicate, `expected each member once, got "a" a second time`}}},
		"extra dup":     {`{` + good + `,"labels":{"a":{"b":1,"b":2}}}`, []Violation{{"/labels/a/b", RuleDuplicate, `expected each member once, got "b" a second time`}}},
		"bad utf-8":     {"{" + good + `,"coupon":"` + "\xff" + `"}`, []Violation{{"/coupon", RuleUTF8, `expected UTF-8, got other bytes at byte 62`}}},
		"half a pair":   {"{" + good + `,"coupon":"\ud800"}`, []Violation{{"/coupon", RuleUTF8, `expected UTF-8, got other bytes at byte 62`}}},
		"not an object": {`[]`, []Violation{{"", RuleType, `expected an object (checkout.OrderPlaced), got an array`}}},
		"nothing":       {``, []Violation{{"", RuleJSON, `expected a JSON value, got nothing or only a part of one`}}},
		"not json":      {`hello`, []Violation{{"", RuleJSON, `expected JSON, got invalid character 'h' at start of value at byte 0`}}},
		"two values":    {`{` + good + `}{}`, []Violation{{"", RuleJSON, `expected one JSON value, got more after its end`}}},
	} {
		t.Run(name, func(t *testing.T) {
			dst := []byte("kept")
			out, got := orders.EncodeJSON(dst, []byte(c.json))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
			if string(out) != "kept" {
				t.Errorf("dst came back as %q", out)
			}
		})
	}
}

// Defends the values of each logical type, in both directions.
func TestEncodeJSONLogicalTypes(t *testing.T) {
	for _, c := range []struct{ avroType, in, out, rule string }{
		{`{"type":"long","logicalType":"timestamp-millis"}`, `1571100000123`, `"2019-10-15T00:40:00.123Z"`, ""},
		{`{"type":"long","logicalType":"timestamp-millis"}`, `"2019-10-15T02:40:00.1239+02:00"`, `"2019-10-15T00:40:00.123Z"`, ""},
		{`{"type":"long","logicalType":"timestamp-millis"}`, `"2019-10-15T00:40:00"`, "", RuleFormat},
		{`{"type":"long","logicalType":"timestamp-millis"}`, `1.5`, "", RuleType},
		{`{"type":"long","logicalType":"timestamp-nanos"}`, `"2019-10-15T00:40:00.123456789Z"`, `"2019-10-15T00:40:00.123456789Z"`, ""},
		{`{"type":"long","logicalType":"timestamp-nanos"}`, `"2400-01-01T00:00:00Z"`, "", RuleRange},
		{`{"type":"long","logicalType":"local-timestamp-micros"}`, `"2019-10-15T00:40:00.5"`, `"2019-10-15T00:40:00.5"`, ""},
		{`{"type":"int","logicalType":"date"}`, `"1969-12-31"`, `"1969-12-31"`, ""},
		{`{"type":"int","logicalType":"date"}`, `"2023-02-30"`, "", RuleFormat},
		{`{"type":"int","logicalType":"date"}`, `-1`, `"1969-12-31"`, ""},
		{`{"type":"int","logicalType":"time-millis"}`, `"23:59:59.999"`, `"23:59:59.999"`, ""},
		{`{"type":"int","logicalType":"time-millis"}`, `86400000`, "", RuleRange},
		{`{"type":"string","logicalType":"uuid"}`, `"8b0c2d9e-9f0a-4c1b-8f1e-0123456789ab"`, `"8b0c2d9e-9f0a-4c1b-8f1e-0123456789ab"`, ""},
		{`{"type":"string","logicalType":"uuid"}`, `"8b0c2d9e"`, "", RuleFormat},
		{`{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}`, `-12.5`, `"-12.50"`, ""},
		{`{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}`, `"0.01"`, `"0.01"`, ""},
		{`{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}`, `0.001`, "", RuleRange},
		{`{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}`, `12345`, "", RuleRange},
		{`{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}`, `1e999999999`, "", RuleFormat},
		{`"bytes"`, `"aGk="`, `"aGk="`, ""},
		{`"bytes"`, `"%"`, "", RuleFormat},
		{`{"type":"fixed","name":"F","size":2}`, `"aGk="`, `"aGk="`, ""},
		{`{"type":"fixed","name":"F","size":3}`, `"aGk="`, "", RuleLength},
		{`"int"`, `5.0`, `5`, ""},
		{`"long"`, `1e3`, `1000`, ""},
		{`"float"`, `1e39`, "", RuleRange},
		{`"double"`, `1e309`, "", RuleRange},
		{`["null","long","double"]`, `1.5`, `1.5`, ""},
		{`["null","long","double"]`, `true`, "", RuleType},
		{`["null",{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]},{"type":"record","name":"B","fields":[{"name":"b","type":"int"}]}]`, `{"b":1}`, `{"b":1}`, ""},
		{`["null",{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]},{"type":"record","name":"B","fields":[{"name":"b","type":"int"}]}]`, `{"c":1}`, "", RuleType},
	} {
		t.Run(c.in, func(t *testing.T) {
			s := oneField(t, c.avroType)
			value, violations := s.EncodeJSON(nil, []byte(`{"f":`+c.in+`}`))
			if c.rule != "" {
				if len(violations) != 1 || violations[0].Rule != c.rule || violations[0].Pointer != "/f" {
					t.Fatalf("violations %v, want one of rule %s at /f", violations, c.rule)
				}
				return
			}
			if len(violations) > 0 {
				t.Fatal(violations)
			}
			out, err := s.JSON(value)
			if err != nil {
				t.Fatal(err)
			}
			if want := `{"f":` + c.out + `}`; string(out) != want {
				t.Errorf("rendered as %s, want %s", out, want)
			}
			var any map[string]any
			if err := s.Decode(value, &any); err != nil {
				t.Errorf("another decoder refuses it: %v", err)
			}
		})
	}
}

// Defends the rest field: undeclared members are kept as strings, in any place
// of the object, and what JSON renders can be sent again.
func TestEncodeJSONRest(t *testing.T) {
	s, err := CompileSchema(3, `{"type":"record","name":"R","fields":[
		{"name":"a","type":"string"},
		{"name":"extra","type":{"type":"map","values":"string"},"rest":true},
		{"name":"b","type":"int","default":3}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		`{"a":"x"}`: `{"a":"x","extra":{},"b":3}`,
		`{"n": {"k": [1, 2]},"b":4,"s":"t\u0020u","a":"x","z":null}`: `{"a":"x","extra":{"n":"{\"k\":[1,2]}","s":"t u","z":"null"},"b":4}`,
		`{"extra":{"p":"q"},"o":1,"a":"x"}`:                          `{"a":"x","extra":{"p":"q","o":"1"},"b":3}`,
	} {
		value, violations := s.EncodeJSON(nil, []byte(in))
		if len(violations) > 0 {
			t.Fatalf("%s: %v", in, violations)
		}
		got, err := s.JSON(value)
		if err != nil || string(got) != want {
			t.Errorf("%s became %s (%v), want %s", in, got, err, want)
		}
		again, violations := s.EncodeJSON(nil, got)
		if string(again) != string(value) {
			t.Errorf("%s sent again differs: %v", got, violations)
		}
	}
	_, violations := s.EncodeJSON(nil, []byte(`{"a":"x","extra":{"p":"q"},"p":"r"}`))
	if len(violations) != 1 || violations[0].Rule != RuleDuplicate || violations[0].Pointer != "/p" {
		t.Errorf("a name given twice over: %v", violations)
	}
}

// Defends the answer's size: a thousand mistakes are not a thousand sentences.
func TestEncodeJSONLimitsViolations(t *testing.T) {
	s := oneField(t, `{"type":"array","items":"int"}`)
	_, violations := s.EncodeJSON(nil, []byte(`{"f":[`+strings.Repeat(`"x",`, 1000)+`1]}`))
	if len(violations) != maxViolations {
		t.Errorf("%d violations, want %d", len(violations), maxViolations)
	}
}

// Defends the gateway's time: a union of records inside itself would be tried
// 2^depth times.
func TestEncodeJSONAmbiguousUnionIsBounded(t *testing.T) {
	s := oneField(t, `{"type":"record","name":"A","fields":[{"name":"x","type":["null","A",{"type":"record","name":"B","fields":[{"name":"x","type":["null","A","B"]}]}]}]}`)
	const depth = 200
	in := `{"f":` + strings.Repeat(`{"x":`, depth) + `5` + strings.Repeat(`}`, depth) + `}`
	if _, violations := s.EncodeJSON(nil, []byte(in)); len(violations) == 0 {
		t.Error("accepted a number where only records may stand")
	}
}

// Defends the schemas' authors: what cannot be honoured is refused by name.
func TestCompileSchemaRefuses(t *testing.T) {
	for in, want := range map[string]string{
		`{"type":"record"`: "compile schema 1",
		`{"type":"record","name":"R","fields":[{"name":"m","type":{"type":"map","values":"long"},"rest":true}]}`: "needs a map of string",
		`{"type":"record","name":"R","fields":[
			{"name":"m","type":{"type":"map","values":"string"},"rest":true},
			{"name":"n","type":{"type":"map","values":"string"},"rest":true}]}`: "second field",
	} {
		if _, err := CompileSchema(1, in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}
