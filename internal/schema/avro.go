package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/twmb/avro"
)

var avroPrimitives = map[string]bool{
	"null": true, "boolean": true, "int": true, "long": true,
	"float": true, "double": true, "bytes": true, "string": true,
}

// parseAvro compiles the text, its references first, and keeps both the
// compiled schema (the codec's verdict) and the tree (the sentences).
func (s *Schema) parseAvro() error {
	cache := new(avro.SchemaCache)
	names := make(map[string]*avroNode)
	err := s.each(func(r Reference) error {
		if _, err := cache.Parse(r.Schema.text); err != nil {
			return fmt.Errorf("reference %s: %w", r.Name, err)
		}
		return addNames(names, r.Schema.normal)
	})
	if err != nil {
		return err
	}
	if s.avro, err = cache.Parse(s.text); err != nil {
		return err
	}
	if s.normal, err = normalAvro(s.text); err != nil {
		return err
	}
	s.tree, err = avroTree(s.normal, names)
	return err
}

// decodeJSON reads exactly one JSON value and keeps numbers as written: a
// default of 2^53+1 must not turn into its neighbour.
func decodeJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text follows the schema's end")
	}
	return v, nil
}

// encodeJSON writes v with sorted members and nothing escaped for HTML.
func encodeJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// normalAvro spells every name in full, unwraps {"type": "string"} and sorts
// members. Unlike Avro's parsing canonical form it keeps doc, default, aliases,
// order and logical types, because a change of one of them is a change.
func normalAvro(text string) (string, error) {
	v, err := decodeJSON(text)
	if err != nil {
		// A bare primitive name is a schema although it is not JSON.
		if name := strings.TrimSpace(text); avroPrimitives[name] {
			return `"` + name + `"`, nil
		}
		return "", err
	}
	return encodeJSON(normalAvroType(v, ""))
}

func normalAvroType(v any, namespace string) any {
	switch v := v.(type) {
	case string:
		return qualify(v, namespace)
	case []any:
		out := make([]any, len(v))
		for i, branch := range v {
			out[i] = normalAvroType(branch, namespace)
		}
		return out
	case map[string]any:
		return normalAvroObject(v, namespace)
	default:
		return v
	}
}

func normalAvroObject(v map[string]any, namespace string) any {
	out := maps.Clone(v)
	switch kind, _ := v["type"].(string); kind {
	case "record", "error", "enum", "fixed":
		namespace = normalAvroName(out, namespace)
		if fields, ok := v["fields"].([]any); ok {
			out["fields"] = normalAvroFields(fields, namespace)
		}
		return out
	case "array":
		out["items"] = normalAvroType(v["items"], namespace)
		return out
	case "map":
		out["values"] = normalAvroType(v["values"], namespace)
		return out
	}
	out["type"] = normalAvroType(v["type"], namespace)
	if len(out) == 1 {
		return out["type"]
	}
	return out
}

// normalAvroName folds namespace into name and returns the namespace that the
// definition opens for what stands inside it.
func normalAvroName(out map[string]any, enclosing string) string {
	name, _ := out["name"].(string)
	namespace := enclosing
	if own, ok := out["namespace"].(string); ok {
		namespace = own
	}
	delete(out, "namespace")
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		namespace, name = name[:i], name[i+1:]
	}
	out["name"] = qualify(name, namespace)
	if aliases, ok := out["aliases"].([]any); ok {
		full := make([]any, len(aliases))
		for i, a := range aliases {
			full[i] = a
			if s, ok := a.(string); ok {
				full[i] = qualify(s, namespace)
			}
		}
		out["aliases"] = full
	}
	return namespace
}

func normalAvroFields(fields []any, namespace string) []any {
	out := make([]any, len(fields))
	for i, f := range fields {
		field, ok := f.(map[string]any)
		if !ok {
			out[i] = f
			continue
		}
		field = maps.Clone(field)
		field["type"] = normalAvroType(field["type"], namespace)
		if field["order"] == "ascending" {
			delete(field, "order") // the default, spelled out
		}
		out[i] = field
	}
	return out
}

// qualify spells a name in full: the namespace applies to names without a dot.
func qualify(name, namespace string) string {
	if namespace == "" || avroPrimitives[name] || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}
