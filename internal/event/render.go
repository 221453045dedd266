package event

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// JSONBody is [Schema.JSON] for an Avro body whose prefix was already taken off.
func (s *Schema) JSONBody(body []byte) (jsontext.Value, error) {
	// A block of a type of no bytes may claim any count; this bounds the work.
	r := renderer{in: body, items: len(body) + 1<<20}
	r.value(s.plan.root, 0)
	if r.err == nil && len(r.in) > 0 {
		r.err = fmt.Errorf("%d bytes are left over", len(r.in))
	}
	if r.err != nil {
		return nil, fmt.Errorf("render with schema %d: %w", s.id, r.err)
	}
	return r.out, nil
}

// renderer turns Avro into JSON. After an error it reads nothing more and its
// output is of no use.
type renderer struct {
	in    []byte
	out   []byte
	items int // block items that may still come
	err   error
}

var errShort = errors.New("the value ends early")

func (r *renderer) fail(err error) {
	if r.err == nil {
		r.err = err
		r.in = nil
	}
}

func (r *renderer) long() int64 {
	v, size := binary.Varint(r.in)
	if size <= 0 {
		r.fail(errShort)
		return 0
	}
	r.in = r.in[size:]
	return v
}

func (r *renderer) take(size int64) []byte {
	if size < 0 || size > int64(len(r.in)) {
		r.fail(errShort)
		return nil
	}
	taken := r.in[:size]
	r.in = r.in[size:]
	return taken
}

// fixed takes size bytes, or zeros after an error, so that callers may index.
func (r *renderer) fixed(size int) []byte {
	if taken := r.take(int64(size)); taken != nil {
		return taken
	}
	return make([]byte, size)
}

func (r *renderer) text(text []byte) {
	// The error says that bad UTF-8 was replaced, the best that JSON can show.
	r.out, _ = jsontext.AppendQuote(r.out, text)
}

const maxDepth = 1000 // levels of nesting

func (r *renderer) value(n *node, depth int) {
	if depth > maxDepth {
		r.fail(fmt.Errorf("the value nests deeper than %d levels", maxDepth))
	}
	if r.err != nil {
		return
	}
	switch n.shape {
	case shapeRecord:
		r.record(n, depth)
	case shapeArray:
		r.blocks('[', ']', func() { r.value(n.item, depth+1) })
	case shapeMap:
		r.blocks('{', '}', func() {
			r.text(r.take(r.long()))
			r.out = append(r.out, ':')
			r.value(n.item, depth+1)
		})
	case shapeUnion:
		branch := r.long()
		if branch < 0 || branch >= int64(len(n.branches)) {
			r.fail(fmt.Errorf("a union has no branch %d", branch))
			return
		}
		r.value(n.branches[branch], depth+1)
	default:
		r.scalar(n)
	}
}

func (r *renderer) record(n *node, depth int) {
	r.out = append(r.out, '{')
	for i := range n.fields {
		if i > 0 {
			r.out = append(r.out, ',')
		}
		r.text([]byte(n.fields[i].name))
		r.out = append(r.out, ':')
		r.value(n.fields[i].node, depth+1)
	}
	r.out = append(r.out, '}')
}

func (r *renderer) blocks(opening, closing byte, item func()) {
	r.out = append(r.out, opening)
	for first := true; r.err == nil; {
		count := r.long()
		if count == 0 {
			break
		}
		if count < 0 { // a negative count is followed by the block's size in bytes
			r.long()
			count = -count
		}
		if count < 0 || count > int64(r.items) {
			r.fail(errShort)
			return
		}
		r.items -= int(count)
		for ; count > 0 && r.err == nil; count-- {
			if !first {
				r.out = append(r.out, ',')
			}
			first = false
			item()
		}
	}
	r.out = append(r.out, closing)
}

func (r *renderer) scalar(n *node) {
	switch n.shape {
	case shapeNull:
		r.out = append(r.out, "null"...)
	case shapeBoolean:
		r.out = strconv.AppendBool(r.out, r.fixed(1)[0] != 0)
	case shapeInt, shapeLong:
		r.out = strconv.AppendInt(r.out, r.long(), 10)
	case shapeFloat:
		r.float(float64(math.Float32frombits(binary.LittleEndian.Uint32(r.fixed(4)))), 32)
	case shapeDouble:
		r.float(math.Float64frombits(binary.LittleEndian.Uint64(r.fixed(8))), 64)
	case shapeEnum:
		ordinal := r.long()
		if ordinal < 0 || ordinal >= int64(len(n.symbols)) {
			r.fail(fmt.Errorf("%s has no symbol %d", n.name, ordinal))
			return
		}
		r.text([]byte(n.symbols[ordinal]))
	case shapeBytes:
		r.text([]byte(base64.StdEncoding.EncodeToString(r.take(r.long()))))
	case shapeFixed:
		r.text([]byte(base64.StdEncoding.EncodeToString(r.fixed(n.size))))
	case shapeUUIDFixed:
		r.text([]byte(uuid.UUID(r.fixed(n.size)).String()))
	case shapeDecimal:
		r.decimal(n, r.take(r.long()))
	case shapeDecimalFixed:
		r.decimal(n, r.fixed(n.size))
	case shapeTimestamp, shapeLocalTime, shapeDate, shapeTimeOfDay:
		r.time(n, r.long())
	default:
		r.text(r.take(r.long()))
	}
}

// float renders the numbers that JSON lacks as strings.
func (r *renderer) float(f float64, bits int) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		r.text(strconv.AppendFloat(nil, f, 'g', -1, 64))
		return
	}
	r.out = jsontext.AppendFloat(r.out, f, bits)
}

func (r *renderer) decimal(n *node, body []byte) {
	v := new(big.Int).SetBytes(body)
	if len(body) > 0 && body[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(len(body))*8)) //nolint:gosec // a length is positive
	}
	sign := ""
	if v.Sign() < 0 {
		sign = "-"
	}
	digits := fmt.Sprintf("%0*s", n.scale+1, v.Abs(v).String())
	text := sign + digits[:len(digits)-n.scale]
	if n.scale > 0 {
		text += "." + digits[len(digits)-n.scale:]
	}
	r.text([]byte(text))
}

// time renders a time as text, or as its integer where text has no form for it:
// outside the years 0 to 9999, outside a day.
func (r *renderer) time(n *node, v int64) {
	var t time.Time
	var layout string
	switch {
	case n.shape == shapeDate:
		t, layout = time.Unix(v*24*60*60, 0), layoutDate
	case n.shape == shapeTimeOfDay && v >= 0 && v < int64(24*time.Hour)/n.unit:
		t, layout = time.Unix(0, v*n.unit), layoutClock
	case n.shape == shapeTimeOfDay:
		t = time.Time{}.AddDate(-2, 0, 0)
	case n.unit == int64(time.Millisecond):
		t, layout = time.UnixMilli(v), time.RFC3339Nano
	case n.unit == int64(time.Microsecond):
		t, layout = time.UnixMicro(v), time.RFC3339Nano
	default:
		t, layout = time.Unix(0, v), time.RFC3339Nano
	}
	if n.shape == shapeLocalTime {
		layout = layoutLocal
	}
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		r.out = strconv.AppendInt(r.out, v, 10)
		return
	}
	r.text([]byte(t.Format(layout)))
}
