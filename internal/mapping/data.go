package mapping

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// datum is one member of an event's data: a value, or the members below it.
type datum struct {
	name    string // "" at the top
	value   *value // nil when members hang below
	members []*datum
}

// data reads the data fields of a mapping: dotted name -> value.
func (d *document) data(n *yaml.Node, path string) []*value {
	var list []*value
	d.members(n, path, func(key, node *yaml.Node) {
		v := d.value(node, path+"."+key.Value)
		list = append(list, v)
	})
	return list
}

// plant hangs the values into a tree by their dotted names. Later values of the
// same name replace earlier ones.
func (d *document) plant(lists map[string][]*value, order []string) *datum {
	top := &datum{}
	for _, prefix := range order {
		for _, v := range lists[prefix] {
			name := strings.TrimPrefix(v.path, prefix+".")
			if err := top.plant(strings.Split(name, "."), v); err != nil {
				d.errorf(v.node, "%s: %v", v.path, err)
			}
		}
	}
	return top
}

func (m *datum) plant(path []string, v *value) error {
	if m.value != nil {
		return fmt.Errorf("%q is a value already and cannot hold %q", m.name, path[0])
	}
	for _, step := range path {
		if step == "" {
			return fmt.Errorf("a part of the dotted name is empty")
		}
	}
	next := m.member(path[0])
	if len(path) > 1 {
		return next.plant(path[1:], v)
	}
	if next.members != nil {
		return fmt.Errorf("%q holds members already and cannot be a value", next.name)
	}
	next.value = v
	return nil
}

func (m *datum) member(name string) *datum {
	for _, have := range m.members {
		if have.name == name {
			return have
		}
	}
	made := &datum{name: name}
	m.members = append(m.members, made)
	return made
}

// isList says whether the members are named 0, 1, 2 and so on.
func (m *datum) isList() bool {
	for i, member := range m.members {
		if member.name != strconv.Itoa(i) {
			return false
		}
	}
	return m.name != "" && len(m.members) > 0
}

// append renders the data of one record. present is false when every value below
// is omitted: an empty object is then omitted too, except at the top.
func (m *datum) append(dst []byte, r fields, emptyWords []string) (out []byte, present bool, err error) {
	if m.value != nil {
		v, err := m.value.evaluate(r, emptyWords)
		return append(dst, v...), v != nil, err
	}
	before := len(dst)
	isList := m.isList()
	dst = append(dst, "{["[btoi(isList)])
	first := len(dst)
	for _, member := range m.members {
		start := len(dst)
		if start > first {
			dst = append(dst, ',')
		}
		if !isList {
			if dst, err = jsontext.AppendQuote(dst, member.name); err != nil {
				return dst, false, fmt.Errorf("name %q: %w", member.name, err)
			}
			dst = append(dst, ':')
		}
		if dst, present, err = member.append(dst, r, emptyWords); err != nil {
			return dst, false, err
		}
		if !present {
			dst = dst[:start]
		}
	}
	if len(dst) == first && m.name != "" {
		return dst[:before], false, nil
	}
	return append(dst, "}]"[btoi(isList)]), true, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
