package event

import (
	"fmt"
	"time"

	"github.com/twmb/avro"
)

// times maps the logical types on int and long to their shape and unit. A pair
// that Avro does not define is absent: the logical type is then ignored, as the
// specification asks.
var times = map[[2]string]struct {
	shape shape
	unit  time.Duration
	name  string
}{
	{"long", "timestamp-millis"}:       {shapeTimestamp, time.Millisecond, "a time (RFC 3339 or milliseconds)"},
	{"long", "timestamp-micros"}:       {shapeTimestamp, time.Microsecond, "a time (RFC 3339 or microseconds)"},
	{"long", "timestamp-nanos"}:        {shapeTimestamp, time.Nanosecond, "a time (RFC 3339 or nanoseconds)"},
	{"long", "local-timestamp-millis"}: {shapeLocalTime, time.Millisecond, "a local time (yyyy-mm-ddThh:mm:ss or milliseconds)"},
	{"long", "local-timestamp-micros"}: {shapeLocalTime, time.Microsecond, "a local time (yyyy-mm-ddThh:mm:ss or microseconds)"},
	{"long", "local-timestamp-nanos"}:  {shapeLocalTime, time.Nanosecond, "a local time (yyyy-mm-ddThh:mm:ss or nanoseconds)"},
	{"int", "date"}:                    {shapeDate, 24 * time.Hour, "a date (yyyy-mm-dd or days since 1970)"},
	{"int", "time-millis"}:             {shapeTimeOfDay, time.Millisecond, "a time of day (hh:mm:ss or milliseconds)"},
	{"long", "time-micros"}:            {shapeTimeOfDay, time.Microsecond, "a time of day (hh:mm:ss or microseconds)"},
}

var primitiveNames = map[shape]string{
	shapeNull: "null", shapeBoolean: "true or false", shapeInt: "an integer of 32 bits", shapeLong: "an integer of 64 bits",
	shapeFloat: "a number", shapeDouble: "a number", shapeString: "a string", shapeBytes: "a string of base64",
}

func primitiveNode(primitive shape, s *avro.SchemaNode) *node {
	n := &node{shape: primitive, name: primitiveNames[primitive], rest: -1}
	if t, ok := times[[2]string{s.Type, s.LogicalType}]; ok {
		n.shape, n.name, n.unit = t.shape, t.name, int64(t.unit)
		n.wide = s.Type == "long"
		return n
	}
	switch {
	case primitive == shapeString && s.LogicalType == "uuid":
		n.shape, n.name = shapeUUID, "a UUID"
	case primitive == shapeBytes && s.LogicalType == "decimal":
		n.decimal(shapeDecimal, s)
	}
	return n
}

func fixedNode(s *avro.SchemaNode) *node {
	n := &node{shape: shapeFixed, name: s.Name, size: s.Size, rest: -1}
	switch {
	case s.LogicalType == "uuid" && s.Size == 16:
		n.shape = shapeUUIDFixed
	case s.LogicalType == "decimal":
		n.decimal(shapeDecimalFixed, s)
	}
	return n
}

func (n *node) decimal(as shape, s *avro.SchemaNode) {
	n.shape, n.precision, n.scale = as, s.Precision, s.Scale
	n.name = fmt.Sprintf("a decimal of %d digits, %d after the point", s.Precision, s.Scale)
}

// label is how a message names what the node expects.
func (n *node) label() string {
	switch n.shape {
	case shapeRecord:
		return "an object (" + n.name + ")"
	case shapeEnum:
		return "a symbol of " + n.name
	case shapeFixed:
		return fmt.Sprintf("%d bytes as base64 (%s)", n.size, n.name)
	case shapeUUIDFixed:
		return "a UUID"
	default:
		return n.name
	}
}
