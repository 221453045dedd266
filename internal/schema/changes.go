package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// ChangeKind says what a change does to those who read the schema's data.
type ChangeKind string

// The three kinds of change.
const (
	Gains   ChangeKind = "gains"   // something is there that was not
	Loses   ChangeKind = "loses"   // something is gone
	Changes ChangeKind = "changes" // something is there under other terms
)

// Change is one difference between two versions of a schema.
type Change struct {
	Kind ChangeKind
	Path string // dotted path of the element, "(root)" for the schema itself
	Text string // in words, to stand after the event's name and the kind
}

// Difference lists in words what next has, lacks or has otherwise than old, in
// the order of the fields. It judges nothing: [Check] does. Of schemas that are
// not Avro it says no more than that the text differs.
func Difference(old, next *Schema) []Change {
	if old.Equal(next) {
		return nil
	}
	if old.kind != sr.TypeAvro || next.kind != sr.TypeAvro {
		return []Change{{Kind: Changes, Path: "(root)", Text: "its text"}}
	}
	d := difference{seen: map[[2]*avroNode]bool{}}
	d.nodes(old.tree, next.tree, "")
	if len(d.found) == 0 {
		d.add(Changes, "", "how it is written or described, and nothing that a record carries")
	}
	return d.found
}

type difference struct {
	found []Change
	seen  map[[2]*avroNode]bool // recursive schemas are compared once
}

func (d *difference) add(kind ChangeKind, path, format string, args ...any) {
	d.found = append(d.found, Change{Kind: kind, Path: orRoot(path), Text: fmt.Sprintf(format, args...)})
}

func (d *difference) nodes(old, next *avroNode, path string) {
	if d.seen[[2]*avroNode{old, next}] {
		return
	}
	d.seen[[2]*avroNode{old, next}] = true
	a, b := present(old), present(next)
	if old.label() != next.label() {
		d.add(Changes, path, "%s from %s to %s", orRoot(path), old.label(), next.label())
	}
	if a.label() != b.label() {
		return
	}
	if a != old || b != next {
		d.nodes(a, b, path)
		return
	}
	switch a.kind {
	case "union":
		for i := range a.branches {
			d.nodes(a.branches[i], b.branches[i], path)
		}
	case "record":
		d.fields(a, b, path)
	case "enum":
		d.symbols(a, b, path)
	case "array", "map":
		d.nodes(a.element, b.element, path+"[]")
	}
}

func (d *difference) fields(old, next *avroNode, path string) {
	for _, f := range next.fields {
		at := below(path, f.name)
		before := writerField(old, f)
		if before == nil {
			d.add(Gains, at, "%s, %s%s", at, f.words(), quoted(f.doc))
			continue
		}
		if before.name != f.name {
			d.add(Changes, at, "the name of %s to %s, an alias", below(path, before.name), f.name)
		}
		d.terms(*before, f, at)
		d.nodes(before.node, f.node, at)
	}
	for _, f := range old.fields {
		if !slices.ContainsFunc(next.fields, func(n avroField) bool { return n.name == f.name || slices.Contains(n.aliases, f.name) }) {
			d.add(Loses, below(path, f.name), "%s, %s%s", below(path, f.name), f.words(), quoted(f.doc))
		}
	}
}

// terms compares what a field says beside its type.
func (d *difference) terms(old, next avroField, path string) {
	switch {
	case old.hasDefault && !next.hasDefault:
		d.add(Changes, path, "%s: it has no default any more, so it must be given", path)
	case !old.hasDefault && next.hasDefault:
		d.add(Changes, path, "%s: it may be left out now, and is %s then", path, next.fallback)
	case old.fallback != next.fallback:
		d.add(Changes, path, "%s: left out it is %s now, and was %s", path, next.fallback, old.fallback)
	}
	if old.doc != next.doc {
		d.add(Changes, path, "what %s means%s", path, quoted(next.doc))
	}
}

func (d *difference) symbols(old, next *avroNode, path string) {
	for _, s := range next.symbols {
		if !slices.Contains(old.symbols, s) {
			d.add(Gains, path, "%s as a value of %s", s, orRoot(path))
		}
	}
	for _, s := range old.symbols {
		if !slices.Contains(next.symbols, s) {
			d.add(Loses, path, "%s as a value of %s", s, orRoot(path))
		}
	}
}

// words is the field's type and whether it may be left out.
func (f avroField) words() string {
	if f.hasDefault {
		return "optional " + present(f.node).label()
	}
	return "required " + f.node.label()
}

// present is the type of a value that is there: of a union of null and one
// type, that one.
func present(n *avroNode) *avroNode {
	if !nullable(n) || len(n.branches) != 2 {
		return n
	}
	if n.branches[0].kind == "null" {
		return n.branches[1]
	}
	return n.branches[0]
}

func nullable(n *avroNode) bool {
	return n.kind == "union" && slices.ContainsFunc(n.branches, func(b *avroNode) bool { return b.kind == "null" })
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func quoted(doc string) string {
	if doc == "" {
		return ""
	}
	return ` ("` + strings.TrimSuffix(doc, ".") + `")`
}
