package schema

import (
	"fmt"
	"slices"
	"strings"
)

// comparison walks a writer's and a reader's types side by side by Avro's
// resolution rules and collects every violation, not only the first.
type comparison struct {
	writerName, readerName string // how sentences call the two schemas
	seen                   map[[2]*avroNode]bool
	structure              []Violation // does not decode by the specification
	meaning                []Violation // decodes, but to something else
}

func (c *comparison) breaks(rule, path, format string, args ...any) {
	c.structure = append(c.structure, Violation{Rule: rule, Path: orRoot(path), Message: fmt.Sprintf(format, args...)})
}

func (c *comparison) compare(w, r *avroNode, path string) {
	if c.seen[[2]*avroNode{w, r}] {
		return
	}
	c.seen[[2]*avroNode{w, r}] = true
	switch {
	case w.kind == "union":
		for _, branch := range w.branches {
			c.compareBranch(branch, r, path)
		}
	case r.kind == "union":
		c.compareBranch(w, r, path)
	case w.kind == r.kind:
		c.compareKind(w, r, path)
	case promotes(w.kind, r.kind):
		c.compareLogical(w, r, path)
	default:
		c.breaks(RuleTypeMismatch, path, "%s has %s here and %s has %s, which cannot read it: keep the type, or add a field beside it",
			c.writerName, w.label(), c.readerName, r.label())
	}
}

func (c *comparison) compareBranch(w, r *avroNode, path string) {
	if r.kind != "union" {
		c.compare(w, r, path)
		return
	}
	match := matchBranch(w, r)
	if match == nil {
		c.breaks(RuleMissingUnionBranch, path, "%s may hold %s here, for which %s has no branch in %s: keep the branch",
			c.writerName, w.label(), c.readerName, r.label())
		return
	}
	c.compare(w, match, path)
}

func (c *comparison) compareKind(w, r *avroNode, path string) {
	switch w.kind {
	case "array":
		c.compare(w.element, r.element, path+".items")
		return
	case "map":
		c.compare(w.element, r.element, path+".values")
		return
	case "record", "enum", "fixed":
		if !sameName(w, r) {
			c.breaks(RuleNameMismatch, path, "%s calls this %s and %s calls it %s: keep the name, or give the reader an alias",
				c.writerName, w.label(), c.readerName, r.label())
			return
		}
	}
	switch w.kind {
	case "record":
		c.compareFields(w, r, path)
	case "enum":
		c.compareSymbols(w, r, path)
	case "fixed":
		if w.size != r.size {
			c.breaks(RuleFixedSize, path, "%s has %s bytes in %s and %s in %s: a fixed keeps its size", w.name, w.size, c.writerName, r.size, c.readerName)
		}
	}
	c.compareLogical(w, r, path)
}

func (c *comparison) compareFields(w, r *avroNode, path string) {
	for _, field := range r.fields {
		at := strings.TrimPrefix(path+"."+field.name, ".")
		written := writerField(w, field)
		switch {
		case written != nil:
			c.compare(written.node, field.node, at)
		case !field.hasDefault:
			c.breaks(RuleMissingDefault, at, "field %q is missing from %s, and %s gives it no default: give it one in the schema that first carries it",
				field.name, c.writerName, c.readerName)
		}
	}
}

func (c *comparison) compareSymbols(w, r *avroNode, path string) {
	if r.hasDefault {
		return
	}
	var missing []string
	for _, s := range w.symbols {
		if !slices.Contains(r.symbols, s) {
			missing = append(missing, s)
		}
	}
	if len(missing) > 0 {
		c.breaks(RuleMissingEnumSymbols, path, "enum %s of %s has %s, which %s lacks without having a default symbol: keep the symbols, or give the enum a default",
			w.name, c.writerName, strings.Join(missing, ", "), c.readerName)
	}
}

// compareLogical refuses a changed meaning of unchanged bytes. A string is
// exempt while only one side annotates it: uuid or not, it stays a string.
func (c *comparison) compareLogical(w, r *avroNode, path string) {
	if w.logical == "decimal" && r.logical == "decimal" && w.kind == r.kind {
		if w.precision != r.precision || w.scale != r.scale {
			c.breaks(RuleDecimalChanged, path, "%s has %s here and %s has %s: a decimal keeps its precision and scale", c.writerName, w.label(), c.readerName, r.label())
		}
		return
	}
	if w.logical == r.logical || (w.logical == "" || r.logical == "") && w.kind == "string" {
		return
	}
	c.meaning = append(c.meaning, Violation{Rule: RuleLogicalTypeChanged, Path: orRoot(path), Message: fmt.Sprintf(
		"%s has %s here and %s has %s: the bytes would be read as another quantity, so keep the logical type and add a field beside it",
		c.writerName, w.label(), c.readerName, r.label())})
}

// writerField finds what the reader's field reads: its own name first, then its aliases.
func writerField(w *avroNode, field avroField) *avroField {
	for _, name := range append([]string{field.name}, field.aliases...) {
		i := slices.IndexFunc(w.fields, func(f avroField) bool { return f.name == name })
		if i >= 0 {
			return &w.fields[i]
		}
	}
	return nil
}

// matchBranch picks the reader's branch as the codec does: exact name, then
// unqualified name, then promotion.
func matchBranch(w, r *avroNode) *avroNode {
	tiers := []func(b *avroNode) bool{
		func(b *avroNode) bool { return b.name == w.name || slices.Contains(b.aliases, w.name) },
		func(b *avroNode) bool { return sameName(w, b) },
	}
	for _, tier := range tiers {
		for _, b := range r.branches {
			if b.kind == w.kind && b.size == w.size && tier(b) {
				return b
			}
		}
	}
	for _, b := range r.branches {
		if promotes(w.kind, b.kind) {
			return b
		}
	}
	return nil
}

func sameName(w, r *avroNode) bool {
	return unqualified(w.name) == unqualified(r.name) || slices.Contains(r.aliases, w.name) ||
		slices.ContainsFunc(r.aliases, func(a string) bool { return !strings.Contains(a, ".") && a == unqualified(w.name) })
}

// promotes reports Avro's widening conversions.
func promotes(writer, reader string) bool {
	switch writer {
	case "int":
		return reader == "long" || reader == "float" || reader == "double"
	case "long":
		return reader == "float" || reader == "double"
	case "float":
		return reader == "double"
	case "string":
		return reader == "bytes"
	case "bytes":
		return reader == "string"
	}
	return false
}

func orRoot(path string) string {
	if path == "" {
		return "(root)"
	}
	return strings.TrimPrefix(path, ".")
}
