package event

import (
	"encoding/binary"
	"math/big"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Layouts of the times that JSON carries as strings.
const (
	layoutLocal = "2006-01-02T15:04:05.999999999"
	layoutDate  = "2006-01-02"
	layoutClock = "15:04:05.999999999"
)

// time encodes a time given as a string or as an integer of the node's unit. A
// string finer than the unit is cut, never rounded up into the future.
func (e *encoder) time(n *node, raw jsontext.Value) {
	if raw.Kind() != jsontext.KindString {
		v, ok := e.whole(n, raw)
		if ok && n.shape == shapeTimeOfDay && (v < 0 || v >= int64(24*time.Hour)/n.unit) {
			e.outOfRange(n, raw)
			return
		}
		e.out = binary.AppendVarint(e.out, v)
		return
	}
	t, ok := parseAs(n.shape, e.unquote(raw))
	if !ok {
		e.malformed(n, raw)
		return
	}
	v, ok := units(t, n)
	if !ok {
		e.outOfRange(n, raw)
		return
	}
	e.out = binary.AppendVarint(e.out, v)
}

func parseAs(as shape, text []byte) (t time.Time, ok bool) {
	var err error
	switch as {
	case shapeTimestamp:
		err = t.UnmarshalText(text) // stricter than time.Parse: no comma, no hour 24
	case shapeLocalTime:
		t, err = time.Parse(layoutLocal, string(text))
	case shapeDate:
		t, err = time.Parse(layoutDate, string(text))
	default:
		t, err = time.Parse(layoutClock, string(text))
	}
	return t, err == nil
}

// units counts the node's units from 1970, or from midnight for a time of day.
// It is false when nanoseconds leave 64 bits (before 1677 and after 2262).
func units(t time.Time, n *node) (int64, bool) {
	const day = 24 * 60 * 60
	switch {
	case n.shape == shapeDate:
		return floorDiv(t.Unix(), day), true
	case n.shape == shapeTimeOfDay:
		midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		return int64(t.Sub(midnight)) / n.unit, true
	case n.unit == int64(time.Millisecond):
		return t.UnixMilli(), true
	case n.unit == int64(time.Microsecond):
		return t.UnixMicro(), true
	}
	v := t.UnixNano()
	return v, time.Unix(0, v).Equal(t)
}

func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}

// decimal encodes a decimal given as a number or a string of plain digits. An
// exponent is refused: expanding one is how a few bytes become gigabytes.
func (e *encoder) decimal(n *node, raw jsontext.Value) {
	text := string(raw)
	switch raw.Kind() {
	case jsontext.KindString:
		text = string(e.unquote(raw))
	case jsontext.KindNumber:
	default:
		e.mismatch(n, raw)
		return
	}
	unscaled, fits, ok := parseDecimal(text, n)
	switch {
	case !ok:
		e.malformed(n, raw)
	case !fits:
		e.outOfRange(n, raw)
	case n.shape == shapeDecimal:
		e.out = appendText(e.out, twosComplement(unscaled, 0))
	default:
		body := twosComplement(unscaled, n.size)
		if len(body) > n.size {
			e.outOfRange(n, raw)
			return
		}
		e.out = append(e.out, body...)
	}
}

func parseDecimal(text string, n *node) (unscaled *big.Int, fits, ok bool) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, dotted := strings.Cut(digits, ".")
	if whole == "" || dotted && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return nil, false, false
	}
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if len(fraction) > n.scale || len(whole)+n.scale > n.precision {
		return nil, false, true
	}
	unscaled, _ = new(big.Int).SetString("0"+whole+fraction+strings.Repeat("0", n.scale-len(fraction)), 10)
	if negative {
		unscaled.Neg(unscaled)
	}
	return unscaled, true, true
}

// twosComplement is v big-endian in the fewest bytes, sign-extended to size.
func twosComplement(v *big.Int, size int) []byte {
	count := v.BitLen()/8 + 1
	if v.Sign() < 0 { // -128 needs 8 bits where 128 needs 9
		count = new(big.Int).Not(v).BitLen()/8 + 1
	}
	count = max(count, size)
	modulus := new(big.Int).Lsh(big.NewInt(1), uint(count)*8) //nolint:gosec // a handful of bytes
	return new(big.Int).Mod(v, modulus).FillBytes(make([]byte, count))
}
