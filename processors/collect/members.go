package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"headwater.internal/platform/internal/event"
)

// lenient takes JSON as far as its grammar goes. It finds where the events of a
// batch begin and end; each is then read strictly, so that bad UTF-8 or a member
// given twice is one event's fault and not the batch's.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// parser is a decoder with its input, kept for the next request: the decoder's
// tables of names are most of what reading an event would allocate.
type parser struct {
	dec   *jsontext.Decoder
	input bytes.Buffer
}

var parsers = sync.Pool{New: func() any { return new(parser) }}

func openJSON(raw []byte, opts ...jsontext.Options) *parser {
	p, ok := parsers.Get().(*parser)
	if !ok {
		p = new(parser)
	}
	p.input = *bytes.NewBuffer(raw)
	if p.dec == nil {
		p.dec = jsontext.NewDecoder(&p.input)
	}
	p.dec.Reset(&p.input, opts...)
	return p
}

func (p *parser) close() {
	p.input = bytes.Buffer{}
	parsers.Put(p)
}

// members calls each for the members of a JSON object. Values are slices of raw.
// The violation says why raw is not an object, or not JSON.
func members(raw []byte, each func(name string, value jsontext.Value), opts ...jsontext.Options) *event.Violation {
	p := openJSON(raw, opts...)
	defer p.close()
	dec := p.dec
	if kind := dec.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		return &event.Violation{Rule: event.RuleType, Message: "expected an object, got " + kind.String()}
	}
	if _, err := dec.ReadToken(); err != nil {
		return syntax(err)
	}
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadToken()
		if err != nil {
			return syntax(err)
		}
		text := name.String()
		value, err := next(dec, raw)
		if err != nil {
			return syntax(err)
		}
		each(text, value)
	}
	if _, err := dec.ReadToken(); err != nil {
		return syntax(err)
	}
	return end(dec)
}

// elements splits a JSON array into its values, which are slices of raw.
func elements(raw []byte) ([]jsontext.Value, *event.Violation) {
	p := openJSON(raw, lenient...)
	defer p.close()
	dec := p.dec
	if kind := dec.PeekKind(); kind != jsontext.KindBeginArray && kind != jsontext.KindInvalid {
		return nil, &event.Violation{Rule: event.RuleType, Message: "expected an array, got " + kind.String()}
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, syntax(err)
	}
	var list []jsontext.Value
	for dec.PeekKind() != jsontext.KindEndArray {
		value, err := next(dec, raw)
		if err != nil {
			return nil, syntax(err)
		}
		list = append(list, value)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, syntax(err)
	}
	return list, end(dec)
}

// next reads a value and returns it as a slice of raw, which outlives the
// decoder's own buffer.
func next(dec *jsontext.Decoder, raw []byte) (jsontext.Value, error) {
	value, err := dec.ReadValue()
	if err != nil {
		return nil, err
	}
	at := dec.InputOffset()
	return raw[at-int64(len(value)) : at : at], nil
}

// end says what follows the value, if anything does.
func end(dec *jsontext.Decoder) *event.Violation {
	_, err := dec.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return syntax(err)
	}
	return &event.Violation{Rule: event.RuleJSON, Message: "expected one JSON value, got more after its end"}
}

func syntax(err error) *event.Violation {
	v := event.SyntaxViolation(err)
	return &v
}

// text reads an attribute that is a string. Null is as good as absent.
func (in *incoming) text(name string, value jsontext.Value) string {
	if value.Kind() == jsontext.KindNull {
		return ""
	}
	if unquoted, err := jsontext.AppendUnquote(nil, value); err == nil {
		return string(unquoted)
	}
	in.violate("/"+name, event.RuleType, "expected %q as a string, got %s", name, value.Kind())
	return ""
}

// time reads an attribute that is an RFC 3339 time.
func (in *incoming) time(name string, value jsontext.Value) time.Time {
	text := in.text(name, value)
	if text == "" {
		return time.Time{}
	}
	return in.parseTime(name, text)
}

func (in *incoming) parseTime(name, text string) (t time.Time) {
	if err := t.UnmarshalText([]byte(text)); err != nil {
		in.violate("/"+name, event.RuleFormat, "expected %q as an RFC 3339 time like 2026-03-01T12:00:00Z, got %q", name, shorten(text))
		return time.Time{}
	}
	return t.UTC()
}

func shorten(s string) string {
	const limit = 60
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
