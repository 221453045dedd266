package event

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// errText says that a string holds bytes that are no UTF-8, which Avro asks of
// strings and few decoders check.
var errText = errors.New("a string is not UTF-8")

// CheckText reports a string of the Avro body, or a key of one of its maps, that
// is not UTF-8. It reads the body without building anything.
func (s *Schema) CheckText(body []byte) error {
	if !slices.ContainsFunc(body, func(b byte) bool { return b >= utf8.RuneSelf }) {
		return nil // ASCII, whatever it means
	}
	c := textChecker{renderer{in: body, items: len(body) + 1<<20}}
	c.value(s.plan.root, 0)
	if c.err != nil {
		return fmt.Errorf("check text with schema %d: %w", s.id, c.err)
	}
	return nil
}

// textChecker reads as the renderer does and renders nothing.
type textChecker struct{ renderer }

func (c *textChecker) text() {
	if !utf8.Valid(c.take(c.long())) {
		c.fail(errText)
	}
}

func (c *textChecker) value(n *node, depth int) {
	if depth > maxDepth {
		c.fail(fmt.Errorf("the value nests deeper than %d levels", maxDepth))
	}
	if c.err != nil {
		return
	}
	switch n.shape {
	case shapeRecord:
		for i := range n.fields {
			c.value(n.fields[i].node, depth+1)
		}
	case shapeArray:
		c.blocks(0, 0, func() { c.value(n.item, depth+1) })
	case shapeMap:
		c.blocks(0, 0, func() {
			c.text()
			c.value(n.item, depth+1)
		})
	case shapeUnion:
		branch := c.long()
		if branch < 0 || branch >= int64(len(n.branches)) {
			c.fail(fmt.Errorf("a union has no branch %d", branch))
			return
		}
		c.value(n.branches[branch], depth+1)
	default:
		c.skip(n)
	}
}

// skip reads a scalar, and looks at it where it is text.
func (c *textChecker) skip(n *node) {
	switch n.shape {
	case shapeNull:
	case shapeBoolean:
		c.take(1)
	case shapeFloat:
		c.take(4)
	case shapeDouble:
		c.take(8)
	case shapeInt, shapeLong, shapeEnum, shapeTimestamp, shapeLocalTime, shapeDate, shapeTimeOfDay:
		c.long()
	case shapeBytes, shapeDecimal:
		c.take(c.long())
	case shapeFixed, shapeUUIDFixed, shapeDecimalFixed:
		c.take(int64(n.size))
	default:
		c.text()
	}
}
