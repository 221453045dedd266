package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
)

func mustAvro(t *testing.T, text string) *Schema {
	t.Helper()
	s, err := Parse(sr.TypeAvro, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// order is a record Order with the fields given.
func order(fields ...string) string {
	return `{"type":"record","name":"Order","namespace":"checkout","fields":[` + strings.Join(fields, ",") + `]}`
}

const (
	fieldID       = `{"name":"id","type":"string"}`
	fieldNote     = `{"name":"note","type":"string"}`
	fieldNoteNull = `{"name":"note","type":["null","string"],"default":null}`
)

// Each rule of Avro's schema resolution, and our own, is found in the
// direction where the specification puts it, with its path.
func TestRules(t *testing.T) {
	tests := []struct {
		name              string
		old, next         string
		backward, forward []string // "RULE path"
	}{
		{"same", order(fieldID), order(fieldID), nil, nil},
		{"optional field added", order(fieldID), order(fieldID, fieldNoteNull), nil, nil},
		{"optional field removed", order(fieldID, fieldNoteNull), order(fieldID), nil, nil},
		{"required field added", order(fieldID), order(fieldID, fieldNote), []string{"READER_FIELD_MISSING_DEFAULT_VALUE note"}, nil},
		{"nullable field added without default", order(fieldID), order(fieldID, `{"name":"note","type":["null","string"]}`), []string{"READER_FIELD_MISSING_DEFAULT_VALUE note"}, nil},
		{"required field removed", order(fieldID, fieldNote), order(fieldID), nil, []string{"READER_FIELD_MISSING_DEFAULT_VALUE note"}},
		{"renamed without alias", order(fieldID), order(fieldNote), []string{"READER_FIELD_MISSING_DEFAULT_VALUE note"}, []string{"READER_FIELD_MISSING_DEFAULT_VALUE id"}},
		{"renamed with alias", order(fieldID), order(`{"name":"key","type":"string","aliases":["id"]}`), nil, []string{"READER_FIELD_MISSING_DEFAULT_VALUE id"}},
		{
			"two broken at once", order(fieldID), order(fieldID, fieldNote, `{"name":"sum","type":"long"}`),
			[]string{"READER_FIELD_MISSING_DEFAULT_VALUE note", "READER_FIELD_MISSING_DEFAULT_VALUE sum"},
			nil,
		},
		{"int widened", `"int"`, `"long"`, nil, []string{"TYPE_MISMATCH (root)"}},
		{"string to int", order(fieldID), order(`{"name":"id","type":"int"}`), []string{"TYPE_MISMATCH id"}, []string{"TYPE_MISMATCH id"}},
		{"string and bytes", `"string"`, `"bytes"`, nil, nil},
		{"branch added", `["null","string"]`, `["null","string","long"]`, nil, []string{"MISSING_UNION_BRANCH (root)"}},
		{"made nullable", `"string"`, `["null","string"]`, nil, []string{"TYPE_MISMATCH (root)"}},
		{"symbol added", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["A","B"]}`, nil, []string{"MISSING_ENUM_SYMBOLS (root)"}},
		{"symbol added to an enum with default", `{"type":"enum","name":"E","symbols":["A"],"default":"A"}`, `{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}`, nil, nil},
		{"fixed resized", `{"type":"fixed","name":"F","size":4}`, `{"type":"fixed","name":"F","size":8}`, []string{"FIXED_SIZE_MISMATCH (root)"}, []string{"FIXED_SIZE_MISMATCH (root)"}},
		{"record renamed", order(fieldID), strings.Replace(order(fieldID), "Order", "Purchase", 1), []string{"NAME_MISMATCH (root)"}, []string{"NAME_MISMATCH (root)"}},
		{
			"in an array", order(`{"name":"l","type":{"type":"array","items":"long"}}`), order(`{"name":"l","type":{"type":"array","items":"string"}}`),
			[]string{"TYPE_MISMATCH l.items"},
			[]string{"TYPE_MISMATCH l.items"},
		},
		{"in a map", `{"type":"map","values":"long"}`, `{"type":"map","values":"int"}`, []string{"TYPE_MISMATCH values"}, nil},
		{
			"decimal rescaled", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, `{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}`,
			[]string{"DECIMAL_CHANGED (root)"},
			[]string{"DECIMAL_CHANGED (root)"},
		},
		{
			"millis to micros", order(`{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}`), order(`{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}`),
			[]string{"LOGICAL_TYPE_CHANGED at"},
			[]string{"LOGICAL_TYPE_CHANGED at"},
		},
		{
			"millis to micros in a nullable", `["null",{"type":"long","logicalType":"timestamp-millis"}]`, `["null",{"type":"long","logicalType":"timestamp-micros"}]`,
			[]string{"LOGICAL_TYPE_CHANGED (root)"},
			[]string{"LOGICAL_TYPE_CHANGED (root)"},
		},
		{"logical type dropped", `{"type":"long","logicalType":"timestamp-millis"}`, `"long"`, []string{"LOGICAL_TYPE_CHANGED (root)"}, []string{"LOGICAL_TYPE_CHANGED (root)"}},
		{"uuid on a string", `"string"`, `{"type":"string","logicalType":"uuid"}`, nil, nil},
		{
			"recursive", `{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}`, `{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]},{"name":"x","type":"int"}]}`,
			[]string{"READER_FIELD_MISSING_DEFAULT_VALUE x"},
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			old, next := mustAvro(t, tt.old), mustAvro(t, tt.next)
			for level, want := range map[sr.CompatibilityLevel][]string{sr.CompatBackward: tt.backward, sr.CompatForward: tt.forward} {
				var got []string
				for _, v := range Check(level, next, []Earlier{{Version: 1, Schema: old}}) {
					got = append(got, v.Rule+" "+v.Path)
					if v.Message == "" || v.Version != 1 || v.Direction != level.String() {
						t.Errorf("violation %+v lacks its sentence, version or direction", v)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", level, diff)
				}
			}
		})
	}
}

// The seven levels differ in direction and in how far back they look.
func TestLevels(t *testing.T) {
	v1, v2 := mustAvro(t, order(fieldID, fieldNote)), mustAvro(t, order(fieldID))
	earlier := []Earlier{{1, v1}, {2, v2}}
	addsRequired := mustAvro(t, order(fieldID, `{"name":"sum","type":"long"}`))
	readsNote := mustAvro(t, order(fieldID, `{"name":"note","type":"int","default":0}`))
	tests := []struct {
		next   *Schema
		refuse map[sr.CompatibilityLevel]bool
	}{
		{addsRequired, map[sr.CompatibilityLevel]bool{
			sr.CompatBackward: true, sr.CompatBackwardTransitive: true, sr.CompatFull: true, sr.CompatFullTransitive: true,
			sr.CompatForwardTransitive: true, // version 1's readers want note
		}},
		{readsNote, map[sr.CompatibilityLevel]bool{ // only version 1 conflicts: string against int
			sr.CompatBackwardTransitive: true, sr.CompatForwardTransitive: true, sr.CompatFullTransitive: true,
		}},
		{v2, map[sr.CompatibilityLevel]bool{sr.CompatForwardTransitive: true, sr.CompatFullTransitive: true}},
	}
	for i, tt := range tests {
		for _, level := range Levels() {
			if got := len(Check(level, tt.next, earlier)) > 0; got != tt.refuse[level] {
				t.Errorf("schema %d at %s: refused %v, want %v", i, level, got, tt.refuse[level])
			}
		}
	}
}

// Formats that nobody here can compare are refused in words above NONE, the
// first version too, and so is a changed format.
func TestNotCheckable(t *testing.T) {
	proto, err := Parse(sr.TypeProtobuf, `syntax = "proto3"; message A { string b = 1; }`, nil)
	if err != nil {
		t.Fatal(err)
	}
	jsonSchema, err := Parse(sr.TypeJSON, `{"type":"object"}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Schema{proto, jsonSchema} {
		for _, level := range Levels() {
			found := Check(level, s, nil)
			if refused := len(found) == 1 && found[0].Rule == RuleNotCheckable && strings.Contains(found[0].Message, "NONE"); refused != (level != sr.CompatNone) {
				t.Errorf("%s at %s: %v", s.Type(), level, found)
			}
		}
	}
	found := Check(sr.CompatFull, mustAvro(t, `"string"`), []Earlier{{1, proto}})
	if len(found) != 1 || found[0].Rule != RuleSchemaTypeChanged {
		t.Errorf("Avro after Protobuf: %v", found)
	}
}

// A referred type is compared by its content, not only by its name.
func TestReferencesAreCompared(t *testing.T) {
	with := func(money string) *Schema {
		ref := mustAvro(t, money)
		s, err := Parse(sr.TypeAvro, order(`{"name":"sum","type":"shared.Money"}`), []Reference{{Name: "shared.Money", Schema: ref}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old := with(`{"type":"record","name":"Money","namespace":"shared","fields":[{"name":"micros","type":"long"}]}`)
	next := with(`{"type":"record","name":"Money","namespace":"shared","fields":[{"name":"micros","type":"string"}]}`)
	found := Check(sr.CompatBackward, next, []Earlier{{1, old}})
	if len(found) != 1 || found[0].Path != "sum.micros" {
		t.Errorf("found %v", found)
	}
	if old.Equal(next) {
		t.Error("schemas that differ in a referred type are equal")
	}
	if _, err := Parse(sr.TypeAvro, order(`{"name":"sum","type":"shared.Money"}`), nil); err == nil {
		t.Error("a type that nobody defines parsed")
	}
}

// What carries no meaning is no difference; what a reader can see is one.
func TestSameText(t *testing.T) {
	base := `{"type":"record","name":"A","namespace":"n","fields":[{"name":"x","type":"string","default":"a"}]}`
	proto := "syntax = \"proto3\"; // old\nmessage A { string b = 1; }"
	tests := []struct {
		kind sr.SchemaType
		a, b string
		want bool
	}{
		{sr.TypeAvro, base, `{ "fields":[ {"default":"a","type":{"type":"string"},"name":"x"} ], "name":"n.A", "type":"record" }`, true},
		{sr.TypeAvro, base, strings.Replace(base, `"a"`, `"b"`, 1), false},
		{sr.TypeAvro, base, strings.Replace(base, `"fields"`, `"doc":"d","fields"`, 1), false},
		{sr.TypeAvro, `string`, `"string"`, true},
		{sr.TypeAvro, `{"type":"int","default":9007199254740993}`, `{"type":"int","default":9007199254740992}`, false},
		{sr.TypeAvro, order(fieldID, fieldNote), order(fieldNote, fieldID), false}, // fields are written in order
		{sr.TypeJSON, `{"type":"object","title":"t"}`, `{"title":"t", "type":"object"}`, true},
		{sr.TypeProtobuf, proto, "syntax=\"proto3\";\nmessage A {\n  string b=1; /* new */ }\n", true},
		{sr.TypeProtobuf, proto, strings.Replace(proto, "= 1", "= 2", 1), false},
	}
	for _, tt := range tests {
		if got := SameText(tt.kind, tt.a, tt.b); got != tt.want {
			t.Errorf("%s: %s and %s: same is %v, want %v", tt.kind, tt.a, tt.b, got, tt.want)
		}
	}
}

// A text that does not parse is refused with its type named.
func TestParseRefuses(t *testing.T) {
	for kind, broken := range map[sr.SchemaType][]string{
		sr.TypeAvro:     {``, `{`, `{"type":"record"}`, `"strin"`, `{"type":"int"} {}`, order(`{"name":"x","type":"int","default":"a"}`)},
		sr.TypeJSON:     {`{`, `{"type":"objekt"}`, `{"$ref":"other.json"}`},
		sr.TypeProtobuf: {``, `message A {`, `message A }`, `syntax = "proto3;`, `/* message A {}`},
	} {
		for _, text := range broken {
			if _, err := Parse(kind, text, nil); err == nil || !strings.Contains(err.Error(), kind.String()) {
				t.Errorf("%s %q: %v", kind, text, err)
			}
		}
	}
	if fmt.Sprint(Levels()) != "[NONE BACKWARD BACKWARD_TRANSITIVE FORWARD FORWARD_TRANSITIVE FULL FULL_TRANSITIVE]" {
		t.Errorf("levels are %v", Levels())
	}
}
