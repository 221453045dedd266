package event

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// scalar encodes a value that was read whole.
func (e *encoder) scalar(n *node, raw jsontext.Value) {
	switch n.shape {
	case shapeNull:
		if raw.Kind() != jsontext.KindNull {
			e.mismatch(n, raw)
		}
	case shapeBoolean:
		e.boolean(n, raw)
	case shapeInt, shapeLong:
		e.integer(n, raw)
	case shapeFloat, shapeDouble:
		e.float(n, raw)
	case shapeTimestamp, shapeLocalTime, shapeDate, shapeTimeOfDay:
		e.time(n, raw)
	case shapeDecimal, shapeDecimalFixed:
		e.decimal(n, raw)
	default:
		if raw.Kind() != jsontext.KindString {
			e.mismatch(n, raw)
			return
		}
		e.string(n, raw)
	}
}

func (e *encoder) boolean(n *node, raw jsontext.Value) {
	switch raw.Kind() {
	case jsontext.KindTrue:
		e.out = append(e.out, 1)
	case jsontext.KindFalse:
		e.out = append(e.out, 0)
	default:
		e.mismatch(n, raw)
	}
}

func (e *encoder) integer(n *node, raw jsontext.Value) {
	if v, ok := e.whole(n, raw); ok {
		e.out = binary.AppendVarint(e.out, v)
	}
}

// whole reads an integer within the node's bits. 5.0 and 5e0 are integers, as
// JSON Schema has it, since some languages write every number that way.
func (e *encoder) whole(n *node, raw jsontext.Value) (int64, bool) {
	if raw.Kind() != jsontext.KindNumber {
		e.mismatch(n, raw)
		return 0, false
	}
	v, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		f, floatErr := strconv.ParseFloat(string(raw), 64)
		const exact = 1 << 53 // above it a float no longer names one integer
		switch {
		case floatErr == nil && f != math.Trunc(f):
			e.mismatch(n, raw)
			return 0, false
		case floatErr != nil || math.Abs(f) > exact || !bytes.ContainsAny(raw, ".eE"):
			e.outOfRange(n, raw)
			return 0, false
		}
		v = int64(f)
	}
	if n.narrow() && v != int64(int32(v)) { //nolint:gosec // the conversion is the check
		e.outOfRange(n, raw)
		return 0, false
	}
	return v, true
}

// narrow says whether the node's integers have 32 bits.
func (n *node) narrow() bool {
	return n.shape == shapeInt || n.shape == shapeDate || n.shape == shapeTimeOfDay && !n.wide
}

func (e *encoder) outOfRange(n *node, raw jsontext.Value) {
	e.violate(e.pointer(), RuleRange, "expected "+n.label()+", got "+describe(raw)+", which does not fit")
}

func (e *encoder) malformed(n *node, raw jsontext.Value) {
	e.violate(e.pointer(), RuleFormat, "expected "+n.label()+", got "+describe(raw))
}

func (e *encoder) float(n *node, raw jsontext.Value) {
	if raw.Kind() != jsontext.KindNumber {
		e.mismatch(n, raw)
		return
	}
	bits := 64
	if n.shape == shapeFloat {
		bits = 32
	}
	f, err := strconv.ParseFloat(string(raw), bits)
	switch {
	case err != nil:
		e.outOfRange(n, raw)
	case bits == 32:
		e.out = binary.LittleEndian.AppendUint32(e.out, math.Float32bits(float32(f)))
	default:
		e.out = binary.LittleEndian.AppendUint64(e.out, math.Float64bits(f))
	}
}

// string encodes the shapes that JSON spells as a string and nothing else.
func (e *encoder) string(n *node, raw jsontext.Value) {
	text := e.unquote(raw)
	switch n.shape {
	case shapeEnum:
		e.enum(n, raw, text)
	case shapeUUID, shapeUUIDFixed:
		e.uuid(n, raw, text)
	case shapeBytes, shapeFixed:
		e.bytes(n, raw, text)
	default:
		e.out = appendText(e.out, text)
	}
}

func (e *encoder) enum(n *node, raw jsontext.Value, text []byte) {
	ordinal, ok := n.symbol[string(text)]
	if !ok {
		message := fmt.Sprintf("expected one of %s, got %s", shortList(n.symbols), describe(raw))
		e.violate(e.pointer(), RuleEnum, message)
		return
	}
	e.out = binary.AppendVarint(e.out, int64(ordinal))
}

func shortList(symbols []string) string {
	const limit = 12
	if len(symbols) > limit {
		return strings.Join(symbols[:limit], ", ") + fmt.Sprintf(" and %d more", len(symbols)-limit)
	}
	return strings.Join(symbols, ", ")
}

func (e *encoder) uuid(n *node, raw jsontext.Value, text []byte) {
	const canonical = 36 // the package also takes braces and urn:uuid:, Avro does not
	id, err := uuid.ParseBytes(text)
	switch {
	case err != nil || len(text) != canonical:
		e.malformed(n, raw)
	case n.shape == shapeUUID:
		e.out = appendText(e.out, text)
	default:
		e.out = append(e.out, id[:]...)
	}
}

func (e *encoder) bytes(n *node, raw jsontext.Value, text []byte) {
	body, err := base64.StdEncoding.AppendDecode(nil, text)
	switch {
	case err != nil:
		e.malformed(n, raw)
	case n.shape == shapeBytes:
		e.out = appendText(e.out, body)
	case len(body) != n.size:
		e.violate(e.pointer(), RuleLength, fmt.Sprintf("expected %s, got %d bytes", n.label(), len(body)))
	default:
		e.out = append(e.out, body...)
	}
}
