package event

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// record encodes an object's members as they arrive and then puts them into the
// schema's order. Members that come in that order, as generated senders write
// them, are not moved at all.
func (e *encoder) record(n *node) {
	if !e.open(n, jsontext.KindBeginObject) {
		return
	}
	start, first, both := len(e.out), len(e.chunks), 0
	for e.more(jsontext.KindEndObject) {
		both |= e.member(n)
	}
	if e.syntax || !e.token() {
		return
	}
	if both == explicitRest|undeclaredRest {
		e.checkRest(n, first)
	}
	if !e.inOrder(n, first) {
		e.assemble(n, start, first)
	}
	e.chunks = e.chunks[:first]
}

// Ways in which a rest field got entries.
const (
	explicitRest   = 1 << iota // as an object under its own name
	undeclaredRest             // as a member the record does not declare
)

// member encodes one member and says which way it fed the rest field, if any.
func (e *encoder) member(n *node) int {
	raw, ok := e.read()
	if !ok {
		return 0
	}
	name := e.unquote(raw)
	i, declared := n.index[string(name)]
	switch {
	case declared && i == n.rest:
		e.restObject(n)
		return explicitRest
	case declared:
		start := len(e.out)
		e.value(n.fields[i].node)
		e.chunks = append(e.chunks, chunk{i, start, len(e.out)})
		return 0
	case n.rest >= 0:
		start := len(e.out)
		e.out = appendText(e.out, name)
		e.restValue()
		e.chunks = append(e.chunks, chunk{n.rest, start, len(e.out)})
		return undeclaredRest
	}
	e.undeclared(n, string(name))
	return 0
}

func (e *encoder) undeclared(n *node, name string) {
	if _, ok := e.read(); !ok || len(e.violations) >= maxViolations {
		return
	}
	message := fmt.Sprintf("expected only members that %s declares, got %q", n.name, shorten(name))
	if near := Closest(name, slices.Sorted(maps.Keys(n.index))); near != "" {
		message += fmt.Sprintf(", did you mean %q?", near)
	}
	e.violate(e.pointer(), RuleAdditional, message)
}

// restObject takes the entries of a rest field given under its own name, as
// [Schema.JSON] renders it.
func (e *encoder) restObject(n *node) {
	if !e.open(n.fields[n.rest].node, jsontext.KindBeginObject) {
		e.chunks = append(e.chunks, chunk{n.rest, len(e.out), len(e.out)})
		return
	}
	for e.more(jsontext.KindEndObject) {
		start := len(e.out)
		if !e.name() {
			return
		}
		e.value(n.fields[n.rest].node.item)
		e.chunks = append(e.chunks, chunk{n.rest, start, len(e.out)})
	}
	if !e.syntax {
		e.token()
	}
}

// restValue encodes any JSON value as a string: a string as it is, anything else
// as compact JSON.
func (e *encoder) restValue() {
	raw, ok := e.read()
	if !ok {
		return
	}
	if raw.Kind() == jsontext.KindString {
		e.out = appendText(e.out, e.unquote(raw))
		return
	}
	if kind := raw.Kind(); kind != jsontext.KindBeginObject && kind != jsontext.KindBeginArray {
		e.out = appendText(e.out, raw)
		return
	}
	compact := raw.Clone()
	if err := compact.Compact(); err != nil {
		e.broken(err)
		return
	}
	e.out = appendText(e.out, compact)
}

// checkRest finds names that came both undeclared and under the rest field.
func (e *encoder) checkRest(n *node, first int) {
	seen := make(map[string]bool)
	for _, c := range e.chunks[first:] {
		if c.field != n.rest || c.start == c.end {
			continue
		}
		size, head := binary.Varint(e.out[c.start:c.end])
		name := string(e.out[c.start+head : c.start+head+int(size)])
		if seen[name] {
			e.violate(AppendPointer(e.pointer(), name), RuleDuplicate,
				fmt.Sprintf("expected each member once, got %q here and in %q", shorten(name), n.fields[n.rest].name))
		}
		seen[name] = true
	}
}

// inOrder says whether the record's chunks are its fields, all of them, in the
// order of the wire.
func (e *encoder) inOrder(n *node, first int) bool {
	if n.rest >= 0 || len(e.chunks)-first != len(n.fields) {
		return false
	}
	for i, c := range e.chunks[first:] {
		if c.field != i {
			return false
		}
	}
	return true
}

// assemble rewrites the record from its chunks: fields in order, defaults for
// those that did not come, the rest field's entries as one block.
func (e *encoder) assemble(n *node, start, first int) {
	byField := make([]int32, 0, 64) // stays on the stack for records of usual size
	for range n.fields {
		byField = append(byField, -1)
	}
	rest := 0
	for i, c := range e.chunks[first:] {
		byField[c.field] = int32(first + i) //nolint:gosec // an event has at most 1 MiB, so fewer members than that
		if c.field == n.rest && c.end > c.start {
			rest++
		}
	}
	e.scratch = e.scratch[:0]
	for i := range n.fields {
		f := &n.fields[i]
		switch at := byField[i]; {
		case i == n.rest:
			e.appendRest(n.rest, rest, first)
		case at >= 0:
			e.scratch = append(e.scratch, e.out[e.chunks[at].start:e.chunks[at].end]...)
		case f.hasDefault:
			e.scratch = append(e.scratch, f.fallback...)
		default:
			e.violate(AppendPointer(e.pointer(), f.name), RuleRequired,
				fmt.Sprintf("expected member %q (%s), got none", f.name, f.node.label()))
		}
	}
	e.out = append(e.out[:start], e.scratch...)
}

func (e *encoder) appendRest(field, count, first int) {
	if count > 0 {
		e.scratch = binary.AppendVarint(e.scratch, int64(count))
		for _, c := range e.chunks[first:] {
			if c.field == field {
				e.scratch = append(e.scratch, e.out[c.start:c.end]...)
			}
		}
	}
	e.scratch = append(e.scratch, 0)
}
