package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"pgregory.net/rapid"
)

// gen draws schemas and data that fit them. Names come from small pools, so that
// two schemas drawn apart still meet in names, kinds and branches.
type gen struct {
	t     *rapid.T
	named int
}

func (g *gen) pick(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(g.t, label)
}

func (g *gen) schemaType(depth int) any {
	kinds := []string{"boolean", "int", "long", "float", "double", "string", "bytes", "timestamp-millis", "timestamp-micros", "enum", "nullable"}
	if depth > 0 {
		kinds = append(kinds, "record", "array", "map")
	}
	switch kind := g.pick("kind", kinds...); kind {
	case "timestamp-millis", "timestamp-micros":
		return map[string]any{"type": "long", "logicalType": kind}
	case "enum":
		g.named++
		e := map[string]any{"type": "enum", "name": fmt.Sprint("E", g.named), "symbols": rapid.SampledFrom([][]any{{"A"}, {"A", "B"}, {"B", "A", "C"}}).Draw(g.t, "symbols")}
		if rapid.Bool().Draw(g.t, "enum default") {
			e["default"] = e["symbols"].([]any)[0]
		}
		return e
	case "nullable":
		return []any{"null", g.pick("branch", "int", "long", "string", "bytes")}
	case "record":
		return g.record(depth - 1)
	case "array":
		return map[string]any{"type": "array", "items": g.schemaType(depth - 1)}
	case "map":
		return map[string]any{"type": "map", "values": g.schemaType(depth - 1)}
	default:
		return kind
	}
}

func (g *gen) record(depth int) map[string]any {
	g.named++
	r := map[string]any{"type": "record", "name": fmt.Sprint("R", g.named)}
	fields := []any{}
	for _, name := range []string{"a", "b", "c"} {
		if rapid.IntRange(0, 3).Draw(g.t, "has "+name) > 0 {
			fields = append(fields, g.field(name, depth))
		}
	}
	r["fields"] = fields
	return r
}

func (g *gen) field(name string, depth int) map[string]any {
	f := map[string]any{"name": name, "type": g.schemaType(depth)}
	if rapid.Bool().Draw(g.t, "default") {
		if d, ok := defaultOf(f["type"]); ok {
			f["default"] = d
		}
	}
	if rapid.IntRange(0, 5).Draw(g.t, "alias") == 0 {
		f["aliases"] = []any{name + g.pick("alias", "_old", "2")}
	}
	return f
}

func defaultOf(t any) (any, bool) {
	switch t := t.(type) {
	case []any:
		return nil, true
	case map[string]any:
		switch t["type"] {
		case "array":
			return []any{}, true
		case "map":
			return map[string]any{}, true
		case "long":
			return 0, true
		}
		return nil, false
	}
	switch t {
	case "boolean":
		return false, true
	case "string", "bytes":
		return "x", true
	}
	return 0, true
}

// evolve changes a drawn record a little, as a team's next commit would.
func (g *gen) evolve(record map[string]any) map[string]any {
	next := maps.Clone(record)
	fields := []any{}
	for _, f := range record["fields"].([]any) {
		switch g.pick("evolve", "keep", "keep", "keep", "drop", "retype", "rename") {
		case "keep":
			fields = append(fields, f)
		case "retype":
			fields = append(fields, g.field(f.(map[string]any)["name"].(string), 1))
		case "rename":
			renamed := maps.Clone(f.(map[string]any))
			renamed["aliases"] = []any{renamed["name"]}
			renamed["name"] = renamed["name"].(string) + "2"
			fields = append(fields, renamed)
		}
	}
	if rapid.Bool().Draw(g.t, "add") {
		fields = append(fields, g.field("added", 1))
	}
	next["fields"] = fields
	return next
}

// datum draws a value of the schema as the codec takes it.
func (g *gen) datum(n *avroNode) any {
	switch n.kind {
	case "null":
		return nil
	case "boolean":
		return rapid.Bool().Draw(g.t, "boolean")
	case "int":
		return rapid.Int32().Draw(g.t, "int")
	case "long":
		return rapid.Int64Range(-1<<40, 1<<40).Draw(g.t, "long")
	case "float":
		return rapid.Float32Range(-1e6, 1e6).Draw(g.t, "float")
	case "double":
		return rapid.Float64Range(-1e6, 1e6).Draw(g.t, "double")
	case "string":
		return rapid.String().Draw(g.t, "string")
	case "bytes":
		return rapid.SliceOf(rapid.Byte()).Draw(g.t, "bytes")
	case "enum":
		return rapid.SampledFrom(n.symbols).Draw(g.t, "symbol")
	case "array":
		return []any{g.datum(n.element)}
	case "map":
		return map[string]any{"k": g.datum(n.element)}
	case "union":
		return g.datum(rapid.SampledFrom(n.branches).Draw(g.t, "union"))
	}
	out := map[string]any{}
	for _, f := range n.fields {
		out[f.name] = g.datum(f.node)
	}
	return out
}

func (g *gen) parse(v any) *Schema {
	text, err := json.Marshal(v)
	if err != nil {
		g.t.Fatal(err)
	}
	s, err := Parse(sr.TypeAvro, string(text), nil)
	if err != nil {
		g.t.Fatalf("%s: %v", text, err)
	}
	return s
}

// A verdict of BACKWARD is a promise: whatever was written with the old schema
// decodes with the new one. And our walk, which gives the reasons, misses nothing
// that the codec refuses, and refuses more only where a default is missing.
func TestBackwardIsSound(t *testing.T) {
	var accepted, drawn int
	rapid.Check(t, func(t *rapid.T) {
		g := &gen{t: t}
		record := g.record(2)
		old, next := g.parse(record), g.parse(g.evolve(record))
		codec := avro.CheckCompatibility(old.avro, next.avro)
		walk := comparison{seen: map[[2]*avroNode]bool{}}
		walk.compare(old.tree, next.tree, "")
		stricter := slices.ContainsFunc(walk.structure, func(v Violation) bool { return v.Rule != RuleMissingDefault })
		if codec != nil && len(walk.structure) == 0 || codec == nil && stricter {
			t.Fatalf("codec says %v, the walk says %v\nold %s\nnew %s", codec, walk.structure, old.text, next.text)
		}
		drawn++
		if len(Check(sr.CompatBackward, next, []Earlier{{1, old}})) > 0 {
			return
		}
		accepted++
		reads, err := avro.Resolve(old.avro, next.avro)
		if err != nil {
			t.Fatalf("accepted, but does not resolve: %v\nold %s\nnew %s", err, old.text, next.text)
		}
		value, err := old.avro.Encode(g.datum(old.tree))
		if err != nil {
			t.Fatalf("encode with %s: %v", old.text, err)
		}
		var out any
		if rest, err := reads.Decode(value, &out); err != nil || len(rest) > 0 {
			t.Fatalf("accepted, but data does not decode: %v, %d bytes left\nold %s\nnew %s", err, len(rest), old.text, next.text)
		}
	})
	if accepted*10 < drawn {
		t.Errorf("only %d of %d pairs were accepted: the generator no longer tests the promise", accepted, drawn)
	}
}
