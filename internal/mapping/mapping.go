package mapping

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Mapping is a checked mapping file. It is immutable; one may serve several
// readers.
type Mapping struct {
	// Source is the CloudEvents source of every event, and a part of the ids that
	// are made for lines without one.
	Source string

	name       string // of the mapping, for messages
	format     format
	typeName   string            // of every event, unless typeField is set
	typeField  *value            // whose value chooses the type
	types      map[string]string // by that value
	otherwise  string            // refuse, skip or a type
	skip       []condition
	customer   *value
	anonymous  *value
	id         *value // nil: hash of the line
	time       *value
	data       map[string]*datum // by event type; "" for types without fields of their own
	eventTypes []string
}

// condition skips the records whose field is as it says.
type condition struct {
	node    *yaml.Node
	field   string
	equals  []string
	matches *regexp.Regexp
	isEmpty bool
	unless  bool
	reason  string
}

// eventTypeForm is how the names of event types are built: <domain>.<event>.
var eventTypeForm = regexp.MustCompile(`^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$`)

// Load reads the mapping in text. Errors begin with name and the line, and all
// of them are reported at once.
func Load(name string, text []byte) (*Mapping, error) {
	m, d, err := parse(name, text)
	if err != nil {
		return nil, err
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return m, nil
}

// LoadFor is [Load] with the file that the mapping is for, whose text (see [Open])
// the reader goes through. Fields that its header lacks are reported with the
// mapping's other mistakes, all at once. An error of the file itself comes later,
// from [Reader.Next].
func LoadFor(name string, text []byte, file io.Reader) (*Mapping, *Reader, error) {
	m, d, err := parse(name, text)
	if err != nil {
		return nil, nil, err
	}
	if m.format.broken {
		return nil, nil, d.err()
	}
	r, err := m.Reader(file)
	if err != nil {
		return nil, nil, errors.Join(d.err(), err)
	}
	d.mistakes = append(d.mistakes, r.findHeader()...)
	if err := d.err(); err != nil {
		return nil, nil, err
	}
	return m, r, nil
}

func parse(name string, text []byte) (*Mapping, *document, error) {
	d := &document{name: name}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, nil, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(root.Content) == 0 {
		return nil, nil, fmt.Errorf("%s:1: the mapping is empty: headwater import --help shows one", name)
	}
	m := &Mapping{name: name, otherwise: "refuse", format: format{broken: true}}
	d.mapping(resolve(root.Content[0]), m)
	return m, d, nil
}

func (d *document) mapping(n *yaml.Node, m *Mapping) {
	var common []*value
	own := map[string][]*value{}
	known := keys{
		"source": d.source(&m.Source),
		"format": func(n *yaml.Node) {
			before := len(d.mistakes)
			m.format = d.format(n)
			m.format.broken = len(d.mistakes) > before
		},
		"type":         d.eventType(m),
		"skip":         d.conditions(&m.skip),
		"customer":     func(n *yaml.Node) { m.customer = d.value(n, "customer") },
		"anonymous_id": func(n *yaml.Node) { m.anonymous = d.value(n, "anonymous_id") },
		"id":           func(n *yaml.Node) { m.id = d.value(n, "id") },
		"time":         func(n *yaml.Node) { m.time = d.time(n) },
		"data":         func(n *yaml.Node) { common = d.data(n, "data") },
		"data_by_type": func(n *yaml.Node) {
			d.members(n, "data_by_type", func(key, node *yaml.Node) {
				own[key.Value] = d.data(node, "data_by_type."+key.Value)
			})
		},
	}
	if n.Kind != yaml.MappingNode {
		d.errorf(n, "the mapping must hold keys and values, as in `source: shop`")
		return
	}
	d.object(n, "the mapping", known)
	for _, key := range []string{"source", "format", "type", "time"} {
		if child(n, key) == nil {
			d.errorf(n, "the mapping has no key %q, which every mapping needs", key)
		}
	}
	if m.customer == nil && m.anonymous == nil {
		d.errorf(n, "the mapping has neither customer nor anonymous_id: an event belongs to somebody")
	}
	d.finishData(n, m, common, own)
	d.checkNames(m)
}

// finishData joins the data of all types with those of each.
func (d *document) finishData(n *yaml.Node, m *Mapping, common []*value, own map[string][]*value) {
	m.data = map[string]*datum{"": d.plant(map[string][]*value{"data": common}, []string{"data"})}
	for _, name := range sortedKeys(own) {
		if !slices.Contains(m.eventTypes, name) {
			d.errorf(child(n, "data_by_type"), "data_by_type.%s: the mapping makes no event of this type%s", name, suggest(name, m.eventTypes))
		}
		prefix := "data_by_type." + name
		m.data[name] = d.plant(map[string][]*value{"data": common, prefix: own[name]}, []string{"data", prefix})
	}
}

func (d *document) source(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d.text(into, "source")(n)
		if _, err := url.Parse(*into); err != nil || *into == "" || strings.ContainsAny(*into, " \t\r\n") {
			d.errorf(n, "source is %q: write a URI reference, such as shop or https://shop.example/export", *into)
		}
	}
}

// eventType reads `type: checkout.order_placed`, or a field and its values.
func (d *document) eventType(m *Mapping) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			d.typeName(&m.typeName, m, "type")(n)
			return
		}
		m.types = map[string]string{}
		m.typeField = &value{node: n, path: "type"}
		d.object(n, "type", keys{
			"field":   d.texts(&m.typeField.fields, "type.field"),
			"extract": d.extract(&m.typeField.extract, "type.extract"),
			"case":    d.choice(&m.typeField.letters, "type.case", "lower", "upper"),
			"values": func(n *yaml.Node) {
				d.members(n, "type.values", func(key, node *yaml.Node) {
					var name string
					d.typeName(&name, m, "type.values."+key.Value)(node)
					m.types[key.Value] = name
				})
			},
			"otherwise": func(n *yaml.Node) {
				if n.Value == "refuse" || n.Value == "skip" {
					m.otherwise = n.Value
					return
				}
				d.typeName(&m.otherwise, m, "type.otherwise (refuse, skip or an event type)")(n)
			},
		})
		if m.typeField.fields == nil || len(m.types) == 0 {
			d.errorf(n, "type needs field (whose value chooses the type) and values (value: event type)")
		}
		m.typeField.trim = true
	}
}

func (d *document) typeName(into *string, m *Mapping, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || !eventTypeForm.MatchString(n.Value) {
			d.errorf(n, "%s is %q: write an event type as <domain>.<event>, such as checkout.order_placed", what, n.Value)
			return
		}
		*into = n.Value
		if !slices.Contains(m.eventTypes, n.Value) {
			m.eventTypes = append(m.eventTypes, n.Value)
		}
	}
}

// time reads the event's time, which is a value of type time.
func (d *document) time(n *yaml.Node) *value {
	if n.Kind != yaml.MappingNode {
		d.errorf(n, "time must be a mapping such as {field: when, layout: rfc3339}")
		return nil
	}
	v := &value{node: n, path: "time", kind: "time", unmatched: "refuse", required: true}
	known := keys{}
	for key, read := range d.valueKeys(v) {
		if slices.Contains([]string{"field", "template", "extract", "empty", "layout", "zone", "year", "map", "otherwise"}, key) {
			known[key] = read
		}
	}
	d.object(n, "time", known)
	d.finishValue(v)
	return v
}

func (d *document) conditions(into *[]condition) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			d.errorf(n, "skip must be a list such as `- {field: status, matches: \"^5\", reason: server error}`")
			return
		}
		for _, item := range n.Content {
			item = resolve(item)
			c := condition{node: item}
			d.object(item, "skip", keys{
				"field":  d.text(&c.field, "skip.field"),
				"equals": d.texts(&c.equals, "skip.equals"),
				"empty":  d.flag(&c.isEmpty, "skip.empty"),
				"unless": d.flag(&c.unless, "skip.unless"),
				"reason": d.text(&c.reason, "skip.reason"),
				"matches": func(n *yaml.Node) {
					re, err := regexp.Compile(n.Value)
					if err != nil {
						d.errorf(n, "skip.matches: %v", err)
					}
					c.matches = re
				},
			})
			if c.field == "" || c.reason == "" || (c.equals == nil && c.matches == nil && !c.isEmpty) {
				d.errorf(item, "skip needs field, reason, and equals, matches or empty")
			}
			*into = append(*into, c)
		}
	}
}

// checkNames holds the fields that the mapping reads against those that the
// format names, when it names them.
func (d *document) checkNames(m *Mapping) {
	if m.format.names == nil || m.format.kind == "ndjson" {
		return
	}
	for _, missing := range m.missing(m.format.names) {
		d.errorf(missing.node, "%s", missing.text)
	}
}

type missingField struct {
	node *yaml.Node
	text string
}

// missing lists the uses of fields that are not among known.
func (m *Mapping) missing(known []string) []missingField {
	var out []missingField
	check := func(n *yaml.Node, path string, names ...string) {
		for _, name := range names {
			if name != LineField && !slices.Contains(known, name) {
				out = append(out, missingField{n, fmt.Sprintf("%s reads the field %q, which the file has not%s", path, name, suggest(name, known))})
			}
		}
	}
	for _, v := range m.values() {
		check(v.node, v.path, v.names()...)
	}
	for _, c := range m.skip {
		check(c.node, "skip", c.field)
	}
	return out
}

// values lists everything that is made from fields, each once.
func (m *Mapping) values() []*value {
	var out []*value
	add := func(v *value) {
		if v != nil && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	for _, v := range []*value{m.typeField, m.customer, m.anonymous, m.id, m.time} {
		add(v)
	}
	var walk func(*datum)
	walk = func(at *datum) {
		add(at.value)
		for _, member := range at.members {
			walk(member)
		}
	}
	for _, name := range sortedKeys(m.data) {
		walk(m.data[name])
	}
	return out
}

// OnlyType is the type of every event, or "" when a field chooses it.
func (m *Mapping) OnlyType() string { return m.typeName }

// EventTypes lists the types of the events that the mapping may make.
func (m *Mapping) EventTypes() []string { return slices.Clone(m.eventTypes) }
