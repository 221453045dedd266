package event

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/twmb/avro"
)

// shape is the wire form of a node, with each logical type that JSON spells
// differently as a shape of its own.
type shape uint8

const (
	shapeNull shape = iota
	shapeBoolean
	shapeInt
	shapeLong
	shapeFloat
	shapeDouble
	shapeString
	shapeBytes
	shapeFixed
	shapeEnum
	shapeArray
	shapeMap
	shapeRecord
	shapeUnion
	shapeTimestamp    // long, RFC 3339 or an integer of unit
	shapeLocalTime    // long, a date and time without zone or an integer of unit
	shapeDate         // int, yyyy-mm-dd or an integer of days
	shapeTimeOfDay    // int or long, hh:mm:ss or an integer of unit
	shapeUUID         // string
	shapeUUIDFixed    // fixed of 16
	shapeDecimal      // bytes
	shapeDecimalFixed // fixed
)

// plan is a schema laid out for walking: what [Schema.EncodeJSON] checks and
// writes, and what [Schema.JSON] reads. Nodes of a recursive type point back at
// themselves.
type plan struct {
	root *node
}

type node struct {
	shape shape
	name  string // as messages call it

	fields []field        // of a record, in the order of the wire
	index  map[string]int // field by name
	rest   int            // the field that takes undeclared members, or -1

	item      *node          // of an array or map
	symbols   []string       // of an enum
	symbol    map[string]int // ordinal by symbol
	size      int            // bytes of a fixed
	unit      int64          // nanoseconds of a time's unit
	wide      bool           // a time of day on a long
	precision int            // digits of a decimal
	scale     int            // digits after a decimal's point

	branches []*node // of a union
	byKind   [256][]int8
}

type field struct {
	name       string
	node       *node
	fallback   []byte // the default, encoded
	hasDefault bool
}

// restProperty marks the map field that collects undeclared members.
const restProperty = "rest"

func compilePlan(schema *avro.Schema) (*plan, error) {
	c := planner{named: make(map[string]*node)}
	root, err := c.node(schema.Root(), "")
	if err != nil {
		return nil, err
	}
	for _, u := range c.unions {
		u.sortByKind()
	}
	return &plan{root}, nil
}

// planner compiles one schema; named holds the types met so far by full name.
type planner struct {
	named  map[string]*node
	unions []*node
}

var primitives = map[string]shape{
	"null": shapeNull, "boolean": shapeBoolean, "int": shapeInt, "long": shapeLong,
	"float": shapeFloat, "double": shapeDouble, "string": shapeString, "bytes": shapeBytes,
}

func (c *planner) node(s *avro.SchemaNode, namespace string) (*node, error) {
	switch s.Type {
	case "record", "error":
		return c.record(s, namespace)
	case "enum":
		n := &node{shape: shapeEnum, name: s.Name, symbols: s.Symbols, symbol: make(map[string]int), rest: -1}
		for i, symbol := range s.Symbols {
			n.symbol[symbol] = i
		}
		c.define(s, namespace, n)
		return n, nil
	case "fixed":
		n := fixedNode(s)
		c.define(s, namespace, n)
		return n, nil
	case "array":
		return c.container(shapeArray, s.Items, namespace)
	case "map":
		return c.container(shapeMap, s.Values, namespace)
	case "union":
		return c.union(s, namespace)
	}
	if primitive, ok := primitives[s.Type]; ok {
		return primitiveNode(primitive, s), nil
	}
	for _, name := range []string{namespace + "." + s.Type, s.Type} {
		if n, ok := c.named[strings.TrimPrefix(name, ".")]; ok {
			return n, nil
		}
	}
	return nil, fmt.Errorf("type %q is not defined before its use", s.Type)
}

func (c *planner) define(s *avro.SchemaNode, namespace string, n *node) (inner string) {
	name := s.Name
	if !strings.Contains(name, ".") {
		if s.Namespace != "" {
			namespace = s.Namespace
		}
		if namespace != "" {
			name = namespace + "." + name
		}
	} else {
		namespace = name[:strings.LastIndexByte(name, '.')]
	}
	n.name = name
	c.named[name] = n
	return namespace
}

func (c *planner) container(of shape, item *avro.SchemaNode, namespace string) (*node, error) {
	inner, err := c.node(item, namespace)
	if err != nil {
		return nil, err
	}
	name := "an array"
	if of == shapeMap {
		name = "an object"
	}
	return &node{shape: of, name: name, item: inner, rest: -1}, nil
}

func (c *planner) record(s *avro.SchemaNode, namespace string) (*node, error) {
	n := &node{shape: shapeRecord, index: make(map[string]int, len(s.Fields)), rest: -1}
	namespace = c.define(s, namespace, n)
	for i := range s.Fields {
		f, err := c.field(&s.Fields[i], namespace)
		if err != nil {
			return nil, fmt.Errorf("field %s of %s: %w", s.Fields[i].Name, n.name, err)
		}
		if isRest(&s.Fields[i]) {
			if f.node.shape != shapeMap || f.node.item.shape != shapeString {
				return nil, fmt.Errorf("field %s of %s: %q needs a map of string", f.name, n.name, restProperty)
			}
			if n.rest >= 0 {
				return nil, fmt.Errorf("field %s of %s: %q stands on a second field", f.name, n.name, restProperty)
			}
			n.rest = i
		}
		n.index[f.name] = i
		n.fields = append(n.fields, f)
	}
	return n, nil
}

func isRest(f *avro.SchemaField) bool {
	onField, _ := f.Props[restProperty].(bool)
	onType, _ := f.Type.Props[restProperty].(bool)
	return onField || onType
}

func (c *planner) field(f *avro.SchemaField, namespace string) (field, error) {
	n, err := c.node(&f.Type, namespace)
	if err != nil {
		return field{}, err
	}
	out := field{name: f.Name, node: n, hasDefault: f.HasDefault}
	if !f.HasDefault {
		return out, nil
	}
	alone, err := f.Type.Schema()
	if err != nil {
		return field{}, fmt.Errorf("take out its type: %w", err)
	}
	out.fallback, err = alone.Encode(f.Default)
	if err != nil {
		return field{}, fmt.Errorf("encode its default: %w", err)
	}
	return out, nil
}

func (c *planner) union(s *avro.SchemaNode, namespace string) (*node, error) {
	if len(s.Branches) > math.MaxInt8 {
		return nil, fmt.Errorf("a union of %d branches: at most %d are supported", len(s.Branches), math.MaxInt8)
	}
	n := &node{shape: shapeUnion, rest: -1}
	names := make([]string, 0, len(s.Branches))
	for i := range s.Branches {
		branch, err := c.node(&s.Branches[i], namespace)
		if err != nil {
			return nil, err
		}
		n.branches = append(n.branches, branch)
		names = append(names, branch.name)
	}
	n.name = strings.Join(names, " or ")
	c.unions = append(c.unions, n)
	return n, nil
}

// sortByKind notes which branches may take which kind of JSON value. It runs
// when all shapes are known: a branch may name a record still being compiled.
func (n *node) sortByKind() {
	for i, branch := range n.branches {
		for _, kind := range branch.kinds() {
			n.byKind[kind] = append(n.byKind[kind], int8(i)) //nolint:gosec // union holds the count under 128
		}
	}
}

// kinds lists the JSON kinds that a node may take.
func (n *node) kinds() []jsontext.Kind {
	switch n.shape {
	case shapeNull:
		return []jsontext.Kind{jsontext.KindNull}
	case shapeBoolean:
		return []jsontext.Kind{jsontext.KindTrue, jsontext.KindFalse}
	case shapeInt, shapeLong, shapeFloat, shapeDouble:
		return []jsontext.Kind{jsontext.KindNumber}
	case shapeTimestamp, shapeLocalTime, shapeDate, shapeTimeOfDay, shapeDecimal, shapeDecimalFixed:
		return []jsontext.Kind{jsontext.KindString, jsontext.KindNumber}
	case shapeArray:
		return []jsontext.Kind{jsontext.KindBeginArray}
	case shapeMap, shapeRecord:
		return []jsontext.Kind{jsontext.KindBeginObject}
	case shapeUnion:
		return nil // Avro forbids a union directly inside a union
	default:
		return []jsontext.Kind{jsontext.KindString}
	}
}
