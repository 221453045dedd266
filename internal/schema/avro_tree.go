package schema

import (
	"encoding/json"
	"fmt"
	"strings"
)

// avroNode is a type of a schema in normal form. Named types are shared, so a
// recursive schema is a cyclic graph.
type avroNode struct {
	kind       string // a primitive, or record, enum, fixed, array, map, union
	name       string // full name of a record, enum or fixed
	aliases    []string
	logical    string
	precision  string
	scale      string
	size       string
	symbols    []string
	hasDefault bool // of an enum
	fields     []avroField
	element    *avroNode // of an array or a map
	branches   []*avroNode
}

type avroField struct {
	name       string
	aliases    []string
	node       *avroNode
	hasDefault bool
	fallback   string // the default as JSON
	doc        string
}

// addNames adds the named types that a normal form defines.
func addNames(names map[string]*avroNode, normal string) error {
	_, err := avroTree(normal, names)
	return err
}

// avroTree builds the graph of a normal form. names holds the types defined
// elsewhere and receives those defined here.
func avroTree(normal string, names map[string]*avroNode) (*avroNode, error) {
	v, err := decodeJSON(normal)
	if err != nil {
		return nil, err
	}
	return buildNode(v, names)
}

func buildNode(v any, names map[string]*avroNode) (*avroNode, error) {
	switch v := v.(type) {
	case string:
		return namedNode(v, names)
	case []any:
		n := &avroNode{kind: "union"}
		for _, b := range v {
			branch, err := buildNode(b, names)
			if err != nil {
				return nil, err
			}
			n.branches = append(n.branches, branch)
		}
		return n, nil
	case map[string]any:
		return buildObject(v, names)
	default:
		return nil, fmt.Errorf("%v is no Avro type", v)
	}
}

func namedNode(name string, names map[string]*avroNode) (*avroNode, error) {
	if avroPrimitives[name] {
		return &avroNode{kind: name}, nil
	}
	if n, ok := names[name]; ok {
		return n, nil
	}
	// A name without a dot may mean a type outside any namespace.
	if n, ok := names[unqualified(name)]; ok {
		return n, nil
	}
	return nil, fmt.Errorf("type %s is not defined", name)
}

func buildObject(v map[string]any, names map[string]*avroNode) (*avroNode, error) {
	kind, ok := v["type"].(string)
	if !ok || (v["name"] == nil && !avroPrimitives[kind] && kind != "array" && kind != "map") {
		// {"type": {...}} or {"type": "a.Name"} with further properties
		inner, err := buildNode(v["type"], names)
		if err != nil {
			return nil, err
		}
		return inner.annotated(v), nil
	}
	if kind == "error" {
		kind = "record"
	}
	n := &avroNode{kind: kind, name: text(v["name"]), aliases: texts(v["aliases"]), symbols: texts(v["symbols"]), size: text(v["size"])}
	_, n.hasDefault = v["default"]
	n = n.annotated(v)
	var err error
	switch kind {
	case "array":
		n.element, err = buildNode(v["items"], names)
	case "map":
		n.element, err = buildNode(v["values"], names)
	case "record", "enum", "fixed":
		names[n.name] = n // before the fields, which may refer to it
		err = n.buildFields(v["fields"], names)
	}
	return n, err
}

func (n *avroNode) buildFields(v any, names map[string]*avroNode) error {
	list, _ := v.([]any)
	for _, f := range list {
		field, ok := f.(map[string]any)
		if !ok {
			return fmt.Errorf("a field of %s is no object", n.name)
		}
		node, err := buildNode(field["type"], names)
		if err != nil {
			return err
		}
		if node.logical == "" && avroPrimitives[node.kind] {
			// The codec honours a logical type written beside the field's type.
			node = node.annotated(field)
		}
		out := avroField{name: text(field["name"]), aliases: texts(field["aliases"]), node: node, doc: text(field["doc"])}
		var value any
		if value, out.hasDefault = field["default"]; out.hasDefault {
			if out.fallback, err = encodeJSON(value); err != nil {
				return err
			}
		}
		n.fields = append(n.fields, out)
	}
	return nil
}

// annotated is the node with the logical type that v gives it, if any. A named
// type is copied only when something is added, to keep the graph's identity.
func (n *avroNode) annotated(v map[string]any) *avroNode {
	logical, ok := v["logicalType"].(string)
	if !ok {
		return n
	}
	annotated := *n
	annotated.logical = logical
	if logical == "decimal" {
		annotated.precision, annotated.scale = text(v["precision"]), text(v["scale"])
		if annotated.scale == "" {
			annotated.scale = "0"
		}
	}
	return &annotated
}

// label is how a sentence calls the type.
func (n *avroNode) label() string {
	switch {
	case n.kind == "union":
		names := make([]string, len(n.branches))
		for i, b := range n.branches {
			names[i] = b.label()
		}
		return "[" + strings.Join(names, ", ") + "]"
	case n.name != "":
		return n.kind + " " + n.name
	case n.logical == "decimal":
		return fmt.Sprintf("%s (decimal(%s,%s))", n.kind, n.precision, n.scale)
	case n.logical != "":
		return n.kind + " (" + n.logical + ")"
	default:
		return n.kind
	}
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		return ""
	}
}

func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, text(e))
	}
	return out
}

func unqualified(name string) string {
	return name[strings.LastIndexByte(name, '.')+1:]
}
