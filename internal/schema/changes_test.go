package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
)

// What a review says of a schema is read by people who decide on it: each kind
// of difference is one sentence, and what does not differ is not mentioned.
func TestDifferenceInWords(t *testing.T) {
	record := func(fields string) string {
		return `{"type": "record", "name": "R", "namespace": "n", "fields": [` + fields + `]}`
	}
	cases := []struct{ name, old, next, want string }{
		{"same", `{"name": "a", "type": "int"}`, `{"type": {"type": "int"}, "name": "a"}`, ""},
		{"required", ``, `{"name": "a", "type": "int", "doc": "An a."}`, `gains a, required int ("An a")`},
		{"optional", ``, `{"name": "a", "type": ["null", "string"], "default": null}`, `gains a, optional string`},
		{"gone", `{"name": "a", "type": "int", "default": 1}`, ``, `loses a, optional int`},
		{"type", `{"name": "a", "type": "int"}`, `{"name": "a", "type": "long"}`, `changes a from int to long`},
		{"logical type", `{"name": "a", "type": {"type": "long", "logicalType": "timestamp-millis"}}`, `{"name": "a", "type": {"type": "long", "logicalType": "timestamp-micros"}}`, `changes a from long (timestamp-millis) to long (timestamp-micros)`},
		{"nullable", `{"name": "a", "type": "int"}`, `{"name": "a", "type": ["null", "int"]}`, `changes a from int to [null, int]`},
		{"renamed", `{"name": "a", "type": "int"}`, `{"name": "b", "aliases": ["a"], "type": "int"}`, `changes the name of a to b, an alias`},
		{"default given", `{"name": "a", "type": "int"}`, `{"name": "a", "type": "int", "default": 3}`, `changes a: it may be left out now, and is 3 then`},
		{"default gone", `{"name": "a", "type": "int", "default": 3}`, `{"name": "a", "type": "int"}`, `changes a: it has no default any more, so it must be given`},
		{"default moved", `{"name": "a", "type": "int", "default": 3}`, `{"name": "a", "type": "int", "default": 4}`, `changes a: left out it is 4 now, and was 3`},
		{"meaning", `{"name": "a", "type": "int", "doc": "In cents."}`, `{"name": "a", "type": "int", "doc": "In euros."}`, `changes what a means ("In euros")`},
		{"order", `{"name": "a", "type": "int"}, {"name": "b", "type": "int"}`, `{"name": "b", "type": "int"}, {"name": "a", "type": "int"}`, `changes how it is written or described, and nothing that a record carries`},
		{
			"enum in an array", `{"name": "a", "type": {"type": "array", "items": {"type": "enum", "name": "E", "symbols": ["X", "Y"]}}}`,
			`{"name": "a", "type": {"type": "array", "items": {"type": "enum", "name": "E", "symbols": ["X", "Z"]}}}`, `gains Z as a value of a[], loses Y as a value of a[]`,
		},
		{
			"record in a union", `{"name": "a", "type": ["null", {"type": "record", "name": "I", "fields": []}]}`,
			`{"name": "a", "type": ["null", {"type": "record", "name": "I", "fields": [{"name": "x", "type": "int"}]}]}`, `gains a.x, required int`,
		},
		{
			"record in a union of three", `{"name": "a", "type": ["null", "int", {"type": "record", "name": "I", "fields": []}]}`,
			`{"name": "a", "type": ["null", "int", {"type": "record", "name": "I", "fields": [{"name": "x", "type": "int"}]}]}`, `gains a.x, required int`,
		},
		{
			"recursive", `{"name": "a", "type": ["null", "R"], "default": null}`,
			`{"name": "a", "type": ["null", "R"], "default": null}, {"name": "b", "type": "int"}`, `gains b, required int`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			old, err := Parse(sr.TypeAvro, record(c.old), nil)
			if err != nil {
				t.Fatal(err)
			}
			next, err := Parse(sr.TypeAvro, record(c.next), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, change := range Difference(old, next) {
				if got != "" {
					got += ", "
				}
				got += string(change.Kind) + " " + change.Text
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
