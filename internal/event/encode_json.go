package event

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// maxViolations bounds an answer's length: a sender mends the first few and
// tries again.
const maxViolations = 20

// EncodeJSON checks one JSON value against the schema and appends the prefix and
// its Avro body to dst. It is strict: nothing is coerced, dropped or guessed, a
// member with a default may be missing, and an undeclared member goes to the
// record's rest field, if it has one, and is a violation otherwise.
//
// With violations, at most 20, dst comes back unchanged. One pass over the
// tokens does both jobs, since this is where the gateway spends its time.
func (s *Schema) EncodeJSON(dst []byte, data jsontext.Value) ([]byte, []Violation) {
	e, ok := encoders.Get().(*encoder)
	if !ok {
		e = newEncoder()
	}
	defer encoders.Put(e)
	e.reset(s.appendPrefix(dst), data, "")
	e.allowance = 32*len(data) + 1024
	e.budget = &e.allowance
	out, violations := e.document(s.plan.root)
	if len(violations) > 0 {
		return dst, violations
	}
	return out, nil
}

var encoders = sync.Pool{New: func() any { return newEncoder() }}

// encoder turns the tokens of one JSON value into Avro.
type encoder struct {
	dec  *jsontext.Decoder
	in   bytes.Buffer
	out  []byte
	base string // pointer of the value inside a larger one

	chunks     []chunk // fields of the records that are open, in order of arrival
	scratch    []byte
	text       []byte // an unquoted string
	violations []Violation
	syntax     bool // the JSON itself is broken: nothing more can be read
	budget     *int // bytes that unions may still read again
	allowance  int  // what budget counts down in an encoder of a whole document
}

// chunk is where the encoded value of a field lies in out. JSON has the fields
// in any order, Avro in the schema's.
type chunk struct {
	field, start, end int
}

func newEncoder() *encoder {
	e := &encoder{}
	e.dec = jsontext.NewDecoder(&e.in)
	return e
}

func (e *encoder) reset(out []byte, data jsontext.Value, base string) {
	e.in = *bytes.NewBuffer(data)
	e.dec.Reset(&e.in)
	e.out, e.base = out, base
	e.chunks, e.violations, e.syntax = e.chunks[:0], nil, false
}

// document encodes the one value there is and lets go of the input.
func (e *encoder) document(n *node) ([]byte, []Violation) {
	e.value(n)
	if !e.syntax {
		if _, err := e.dec.ReadToken(); err == nil {
			e.violate("", RuleJSON, "expected one JSON value, got more after its end")
		} else if !errors.Is(err, io.EOF) {
			e.broken(err)
		}
	}
	out, violations := e.out, e.violations
	e.out, e.violations, e.in = nil, nil, bytes.Buffer{}
	return out, violations
}

// value encodes the next JSON value as n asks. After a violation it has read the
// value all the same, so that the ones after it are checked too.
func (e *encoder) value(n *node) {
	switch n.shape {
	case shapeRecord:
		e.record(n)
	case shapeArray:
		e.array(n)
	case shapeMap:
		e.object(n)
	case shapeUnion:
		e.union(n)
	default:
		if raw, ok := e.read(); ok {
			e.scalar(n, raw)
		}
	}
}

// read takes the next value whole. It is false when the JSON is broken.
func (e *encoder) read() (jsontext.Value, bool) {
	raw, err := e.dec.ReadValue()
	if err != nil {
		e.broken(err)
		return nil, false
	}
	return raw, true
}

// open takes the token that opens an object or array, or reports what stands
// there instead.
func (e *encoder) open(n *node, kind jsontext.Kind) bool {
	if e.dec.PeekKind() != kind {
		if raw, ok := e.read(); ok {
			e.mismatch(n, raw)
		}
		return false
	}
	return e.token()
}

func (e *encoder) token() bool {
	if _, err := e.dec.ReadToken(); err != nil {
		e.broken(err)
		return false
	}
	return true
}

// more says whether the open object or array has another element.
func (e *encoder) more(end jsontext.Kind) bool {
	if e.syntax {
		return false
	}
	kind := e.dec.PeekKind()
	if kind == jsontext.KindInvalid {
		e.token() // brings the error to light
	}
	return kind != end && kind != jsontext.KindInvalid
}

func (e *encoder) array(n *node) {
	if !e.open(n, jsontext.KindBeginArray) {
		return
	}
	start, count := len(e.out), 0
	for e.more(jsontext.KindEndArray) {
		e.value(n.item)
		count++
	}
	if !e.syntax {
		e.token()
	}
	e.block(start, count)
}

func (e *encoder) object(n *node) {
	if !e.open(n, jsontext.KindBeginObject) {
		return
	}
	start, count := len(e.out), 0
	for e.more(jsontext.KindEndObject) {
		if !e.name() {
			return
		}
		e.value(n.item)
		count++
	}
	if !e.syntax {
		e.token()
	}
	e.block(start, count)
}

// name encodes an object's next member name as an Avro string.
func (e *encoder) name() bool {
	raw, ok := e.read()
	if ok {
		e.out = appendText(e.out, e.unquote(raw))
	}
	return ok
}

// block makes what was written since start one Avro block of count items.
func (e *encoder) block(start, count int) {
	if count > 0 {
		var head [binary.MaxVarintLen64]byte
		size := binary.PutVarint(head[:], int64(count))
		e.out = append(e.out, head[:size]...)
		copy(e.out[start+size:], e.out[start:])
		copy(e.out[start:], head[:size])
	}
	e.out = append(e.out, 0)
}

// union picks the branch by the kind of the JSON value. Where several take that
// kind, the first that takes the value wins.
func (e *encoder) union(n *node) {
	candidates := n.byKind[e.dec.PeekKind()]
	switch len(candidates) {
	case 0:
		if raw, ok := e.read(); ok {
			e.mismatch(n, raw)
		}
	case 1:
		e.out = binary.AppendVarint(e.out, int64(candidates[0]))
		e.value(n.branches[candidates[0]])
	default:
		e.tryBranches(n, candidates)
	}
}

func (e *encoder) tryBranches(n *node, candidates []int8) {
	raw, ok := e.read()
	if !ok {
		return
	}
	pointer := e.pointer()
	for _, i := range candidates {
		// Branches inside branches would read a hostile value exponentially often.
		if *e.budget -= len(raw); *e.budget < 0 {
			e.violate(pointer, RuleType, "expected "+n.name+", got a value too deeply ambiguous to tell")
			return
		}
		trial := newEncoder()
		trial.reset(binary.AppendVarint(nil, int64(i)), raw, pointer)
		trial.budget = e.budget
		if out, violations := trial.document(n.branches[i]); len(violations) == 0 {
			e.out = append(e.out, out...)
			return
		}
	}
	e.violate(pointer, RuleType, fmt.Sprintf("expected %s, got %s, which fits none of them", n.name, describe(raw)))
}

// unquote is the text of a JSON string that was read. It is valid until the
// next read.
func (e *encoder) unquote(raw jsontext.Value) []byte {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	e.text, _ = jsontext.AppendUnquote(e.text[:0], raw) // read has checked it
	return e.text
}

func appendText(dst, text []byte) []byte {
	return append(binary.AppendVarint(dst, int64(len(text))), text...)
}

// pointer is where the value read last stands.
func (e *encoder) pointer() string { return e.base + string(e.dec.StackPointer()) }

func (e *encoder) violate(pointer string, rule Rule, message string) {
	if len(e.violations) < maxViolations {
		e.violations = append(e.violations, Violation{pointer, rule, message})
	}
}

// mismatch reports a value of the wrong kind that was just read.
func (e *encoder) mismatch(n *node, raw jsontext.Value) {
	e.violate(e.pointer(), RuleType, "expected "+n.label()+", got "+describe(raw))
}

// broken reports JSON that cannot be read on.
func (e *encoder) broken(err error) {
	if e.syntax {
		return
	}
	e.syntax = true
	v := SyntaxViolation(err)
	v.Pointer = e.base + v.Pointer
	e.violations = append(e.violations, v)
}

// SyntaxViolation explains an error of jsontext as a violation: broken JSON, bad
// UTF-8 or a member given twice.
func SyntaxViolation(err error) Violation {
	var syntactic *jsontext.SyntacticError
	switch {
	case !errors.As(err, &syntactic):
		return Violation{"", RuleJSON, "expected a JSON value, got nothing or only a part of one"}
	case errors.Is(err, jsontext.ErrDuplicateName):
		name := syntactic.JSONPointer.LastToken()
		return Violation{string(syntactic.JSONPointer), RuleDuplicate, fmt.Sprintf("expected each member once, got %q a second time", shorten(name))}
	case strings.Contains(syntactic.Err.Error(), "UTF-8"), strings.Contains(syntactic.Err.Error(), "surrogate"):
		return Violation{string(syntactic.JSONPointer), RuleUTF8, fmt.Sprintf("expected UTF-8, got other bytes at byte %d", syntactic.ByteOffset)}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return Violation{string(syntactic.JSONPointer), RuleJSON, fmt.Sprintf("expected more JSON, got its end at byte %d", syntactic.ByteOffset)}
	}
	return Violation{string(syntactic.JSONPointer), RuleJSON, fmt.Sprintf("expected JSON, got %s at byte %d", syntactic.Err, syntactic.ByteOffset)}
}

// describe names a value in a message: its kind, and scalars shortened.
func describe(raw jsontext.Value) string {
	switch raw.Kind() {
	case jsontext.KindBeginObject:
		return "an object"
	case jsontext.KindBeginArray:
		return "an array"
	case jsontext.KindString:
		return "the string " + shorten(string(raw))
	case jsontext.KindNumber:
		return "the number " + shorten(string(raw))
	default:
		return string(raw)
	}
}

func shorten(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
