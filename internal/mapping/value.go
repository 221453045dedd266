package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// value says how one attribute or data field is made from the fields of a record.
type value struct {
	node     *yaml.Node
	path     string    // where in the mapping, for messages
	fields   []string  // the first that is not empty counts
	template []segment // text around fields
	constant jsontext.Value

	extract    *regexp.Regexp
	trim       bool
	letters    string // "", lower or upper
	empty      []string
	translate  map[string]jsontext.Value
	unmatched  string // refuse, omit or keep: a value that translate does not know
	prefix     string
	kind       string // "", string, int, number, bool, time or json
	split      string
	fallback   jsontext.Value
	required   bool
	arithmetic arithmetic
	clock      clock
}

// segment is one piece of a template: a text, or a field when name is set.
type segment struct{ text, name string }

// refusal says why a record becomes no event. Reason is the same for all records
// with the same trouble; detail belongs to the one.
type refusal struct{ reason, detail string }

func (r refusal) Error() string { return r.reason + ": " + r.detail }

func refuse(reason, format string, args ...any) error {
	return refusal{reason, fmt.Sprintf(format, args...)}
}

// value reads one value: a field's name, or a mapping of how it is made.
func (d *document) value(n *yaml.Node, path string) *value {
	v := &value{node: n, path: path, unmatched: "refuse"}
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" && n.Value != "" {
		v.fields = []string{n.Value}
		return v
	}
	if n.Kind != yaml.MappingNode {
		d.errorf(n, "%s must be a field's name or a mapping with field, template or const", path)
		return v
	}
	known := d.valueKeys(v)
	d.object(n, path, known)
	d.finishValue(v)
	return v
}

func (d *document) valueKeys(v *value) keys {
	at := func(key string) string { return v.path + "." + key }
	return keys{
		"field":     d.texts(&v.fields, at("field")),
		"template":  d.template(&v.template, at("template")),
		"const":     d.constant(&v.constant, at("const")),
		"extract":   d.extract(&v.extract, at("extract")),
		"trim":      d.flag(&v.trim, at("trim")),
		"case":      d.choice(&v.letters, at("case"), "lower", "upper"),
		"empty":     d.texts(&v.empty, at("empty")),
		"map":       d.translation(&v.translate, at("map")),
		"otherwise": d.choice(&v.unmatched, at("otherwise"), "refuse", "omit", "keep"),
		"prefix":    d.text(&v.prefix, at("prefix")),
		"type":      d.choice(&v.kind, at("type"), "string", "int", "number", "bool", "time", "json"),
		"split":     d.text(&v.split, at("split")),
		"default":   d.constant(&v.fallback, at("default")),
		"required":  d.flag(&v.required, at("required")),
		"multiply":  d.factor(&v.arithmetic, at("multiply")),
		"round":     d.flag(&v.arithmetic.round, at("round")),
		"decimal":   d.text(&v.arithmetic.decimal, at("decimal")),
		"thousands": d.text(&v.arithmetic.thousands, at("thousands")),
		"layout":    d.texts(&v.clock.layouts, at("layout")),
		"zone":      d.text(&v.clock.zone, at("zone")),
		"year":      d.number(&v.clock.year, at("year")),
	}
}

// finishValue checks what only all keys of a value together can tell.
func (d *document) finishValue(v *value) {
	sources := 0
	for _, given := range []bool{v.fields != nil, v.template != nil, v.constant != nil} {
		if given {
			sources++
		}
	}
	if sources != 1 && child(v.node, "template") == nil { // a broken template has its own error
		d.errorf(v.node, "%s needs exactly one of field, template and const", v.path)
	}
	only := func(key, kinds string) {
		if n := child(v.node, key); n != nil && !slices.Contains(strings.Fields(kinds), v.kind) {
			d.errorf(n, "%s.%s only works with type: %s", v.path, key, strings.ReplaceAll(kinds, " ", " or "))
		}
	}
	for _, key := range []string{"multiply", "decimal", "thousands"} {
		only(key, "int number")
	}
	only("round", "int")
	for _, key := range []string{"layout", "zone", "year"} {
		only(key, "time")
	}
	if child(v.node, "otherwise") != nil && v.translate == nil {
		d.errorf(v.node, "%s.otherwise only works with map", v.path)
	}
	if v.kind == "time" {
		d.finishClock(v.node, v.path, &v.clock)
	}
}

func (d *document) constant(into *jsontext.Value, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var v any
		if err := n.Decode(&v); err != nil {
			d.errorf(n, "%s: %v", what, err)
			return
		}
		if _, isTime := v.(interface{ UnixNano() int64 }); isTime {
			v = n.Value // 2015-05-17 is meant as it is written
		}
		text, err := json.Marshal(v, json.Deterministic(true))
		if err != nil || v == nil {
			d.errorf(n, "%s must be a text, a number, true, false, a list or a mapping", what)
			return
		}
		*into = text
	}
}

func (d *document) translation(into *map[string]jsontext.Value, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*into = map[string]jsontext.Value{}
		d.members(n, what, func(key, value *yaml.Node) {
			var to jsontext.Value
			d.constant(&to, what+"."+key.Value)(value)
			(*into)[key.Value] = to
		})
	}
}

func (d *document) extract(into **regexp.Regexp, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		re, err := regexp.Compile(n.Value)
		if err != nil {
			d.errorf(n, "%s: %v", what, err)
			return
		}
		if re.NumSubexp() != 1 {
			d.errorf(n, "%s needs exactly one group: ( ) around what is wanted, (?: ) around the rest", what)
			return
		}
		*into = re
	}
}

// template reads `text {field} text`; {{ and }} are the braces themselves.
func (d *document) template(into *[]segment, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		segments, err := parseTemplate(n.Value)
		if err != nil {
			d.errorf(n, "%s: %v", what, err)
			return
		}
		*into = segments
	}
}

func parseTemplate(text string) ([]segment, error) {
	var out []segment
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if (c == '{' || c == '}') && i+1 < len(text) && text[i+1] == c {
			plain.WriteByte(c)
			i++
			continue
		}
		if c == '}' {
			return nil, fmt.Errorf("the } at position %d closes nothing: write }} for a brace", i+1)
		}
		if c != '{' {
			plain.WriteByte(c)
			continue
		}
		end := strings.IndexByte(text[i:], '}')
		if end < 2 {
			return nil, fmt.Errorf("the { at position %d begins no {field}: write {{ for a brace", i+1)
		}
		if plain.Len() > 0 {
			out = append(out, segment{text: plain.String()})
			plain.Reset()
		}
		out = append(out, segment{name: text[i+1 : i+end]})
		i += end
	}
	if plain.Len() > 0 {
		out = append(out, segment{text: plain.String()})
	}
	if !slices.ContainsFunc(out, func(s segment) bool { return s.name != "" }) {
		return nil, fmt.Errorf("%q names no {field}: write const for a fixed value", text)
	}
	return out, nil
}

// names lists the fields that the value reads.
func (v *value) names() []string {
	names := slices.Clone(v.fields)
	for _, s := range v.template {
		if s.name != "" {
			names = append(names, s.name)
		}
	}
	return names
}
