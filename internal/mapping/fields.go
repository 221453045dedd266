package mapping

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// cell is the value of one field. json is set when the file gave something else
// than text: a JSON number, boolean, array or object.
type cell struct {
	text string
	json jsontext.Value
}

// fields looks a field of one record up by its name. A missing field and a JSON
// null are both absent.
type fields interface {
	lookup(name string) (cell, bool)
}

// columns are the fields of the formats whose values have names.
type columns struct {
	index  map[string]int
	values []string
}

func (c columns) lookup(name string) (cell, bool) {
	i, ok := c.index[name]
	if !ok || i >= len(c.values) {
		return cell{}, false
	}
	return cell{text: c.values[i]}, true
}

// tree is one JSON object; fields are reached by a dotted path or, when a key
// itself holds dots, by a JSON pointer.
type tree struct{ members map[string]jsontext.Value }

func parseTree(text []byte) (tree, error) {
	var t tree
	text = bytes.TrimSpace(text)
	if len(text) > 0 && text[0] != '{' {
		return t, refuse("the line is no JSON object", "%q", text)
	}
	if err := json.Unmarshal(text, &t.members); err != nil {
		return t, refuse("the line is no JSON object", "%s", WordSyntax(text, err))
	}
	return t, nil
}

func (t tree) lookup(name string) (cell, bool) {
	path := splitPath(name)
	value, ok := t.members[path[0]]
	for _, step := range path[1:] {
		if !ok {
			return cell{}, false
		}
		value, ok = member(value, step)
	}
	if !ok || value.Kind() == 'n' {
		return cell{}, false
	}
	if value.Kind() == '"' {
		text, err := jsontext.AppendUnquote(nil, value)
		return cell{text: string(text)}, err == nil
	}
	return cell{text: string(value), json: value}, true
}

// splitPath splits `a.b.0` or the JSON pointer `/a/b/0`.
func splitPath(name string) []string {
	if pointer, ok := strings.CutPrefix(name, "/"); ok {
		steps := strings.Split(pointer, "/")
		for i, s := range steps {
			steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
		}
		return steps
	}
	return strings.Split(name, ".")
}

// member steps into an object by key or into an array by index.
func member(value jsontext.Value, step string) (jsontext.Value, bool) {
	switch value.Kind() {
	case '{':
		var members map[string]jsontext.Value
		if json.Unmarshal(value, &members) != nil {
			return nil, false
		}
		found, ok := members[step]
		return found, ok
	case '[':
		var items []jsontext.Value
		i, err := strconv.Atoi(step)
		if err != nil || json.Unmarshal(value, &items) != nil || i < 0 || i >= len(items) {
			return nil, false
		}
		return items[i], true
	default:
		return nil, false
	}
}
