package main

import (
	"bytes"
	"mime"

	"github.com/go-json-experiment/json/jsontext"

	"headwater.internal/platform/internal/event"
)

// The quick way of reading CloudEvents. Nearly all of them are alike: a flat
// object of known attributes in plain ASCII, and data that its schema takes.
// Reading such an event with a general parser goes through its bytes three times:
// to find where it ends, to find its members, to encode its data. The quick way
// goes through the attributes itself, looks in the data for no more than its end,
// and leaves all checks of the data to the encoder.
//
// It knows one answer only, that the event is accepted. At anything else (an
// escape, an attribute it does not know, a violation) it gives up, and the
// general parser reads the event from its start and says what is wrong. So it
// must take nothing that the general parser does not take, and with the same
// outcome; a fuzz test holds it to that.

// quickDepth bounds the nesting that the quick way follows.
const quickDepth = 64

// quickReader goes through JSON. Each method is false when the input is not what
// the quick way knows.
type quickReader struct {
	raw []byte
	at  int
}

// space skips white space and returns the byte after it, 0 at the end.
func (q *quickReader) space() byte {
	for q.at < len(q.raw) {
		switch c := q.raw[q.at]; c {
		case ' ', '\t', '\r', '\n':
			q.at++
		default:
			return c
		}
	}
	return 0
}

func (q *quickReader) take(c byte) bool {
	if q.space() != c {
		return false
	}
	q.at++
	return true
}

// text reads a string of printable ASCII without escapes.
func (q *quickReader) text() ([]byte, bool) {
	if !q.take('"') {
		return nil, false
	}
	start := q.at
	for ; q.at < len(q.raw); q.at++ {
		switch c := q.raw[q.at]; {
		case c == '"':
			q.at++
			return q.raw[start : q.at-1], true
		case c < ' ' || c == '\\' || c >= 0x7f:
			return nil, false
		}
	}
	return nil, false
}

// object finds where an object ends, if it is valid JSON. If it is not, it may
// find another end; then neither is what lies in between.
func (q *quickReader) object() (jsontext.Value, bool) {
	if q.space() != '{' {
		return nil, false
	}
	start := q.at
	for depth := 0; q.at < len(q.raw); q.at++ {
		switch q.raw[q.at] {
		case '"':
			if !q.skipText() {
				return nil, false
			}
		case '{', '[':
			if depth++; depth > quickDepth {
				return nil, false
			}
		case '}', ']':
			if depth--; depth == 0 {
				q.at++
				return q.raw[start:q.at:q.at], true
			}
		}
	}
	return nil, false
}

// skipText goes from a string's first quote to its last.
func (q *quickReader) skipText() bool {
	for {
		next := bytes.IndexByte(q.raw[q.at+1:], '"')
		if next < 0 {
			return false
		}
		q.at += 1 + next
		escapes := 0
		for q.raw[q.at-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return true
		}
	}
}

// event reads one event that ends up accepted, or gives up.
func (q *quickReader) event(b *batch, d *declarations, in *incoming) bool {
	start := q.at
	if !q.take('{') {
		return false
	}
	in.at = "/data"
	var version []byte
	for seen := attributes(0); ; {
		name, ok := q.text()
		if !ok || !q.take(':') {
			return false
		}
		one := attributeNamed(name)
		if one == 0 || seen&one != 0 {
			return false
		}
		if seen |= one; one == attributeData {
			in.data, ok = q.object()
		} else {
			var value []byte
			value, ok = q.text()
			if one == attributeVersion {
				version = value
			}
			ok = ok && in.quickAttribute(b, d, one, value)
		}
		if !ok {
			return false
		}
		if !q.take(',') {
			break
		}
	}
	if !q.take('}') || q.at-start > maxEventBytes || string(version) != event.SpecVersion {
		return false
	}
	if in.data == nil {
		in.data = jsontext.Value("{}")
	}
	in.complete(d, event.SpecVersion)
	return len(in.violations) == 0 && in.declared.broken == nil && len(b.encode(in)) == 0
}

// attributes is a set of the members that the quick way knows.
type attributes uint16

const (
	attributeVersion attributes = 1 << iota
	attributeID
	attributeSource
	attributeType
	attributeSubject
	attributeTime
	attributeSentTime
	attributeAnonymousID
	attributeTraceParent
	attributeContentType
	attributeData
)

func attributeNamed(name []byte) attributes {
	switch string(name) {
	case "specversion":
		return attributeVersion
	case "id":
		return attributeID
	case "source":
		return attributeSource
	case "type":
		return attributeType
	case "subject":
		return attributeSubject
	case "time":
		return attributeTime
	case "senttime":
		return attributeSentTime
	case "anonymousid":
		return attributeAnonymousID
	case "traceparent":
		return attributeTraceParent
	case "datacontenttype":
		return attributeContentType
	case "data":
		return attributeData
	}
	return 0
}

func (in *incoming) quickAttribute(b *batch, d *declarations, one attributes, value []byte) bool {
	e := &in.envelope
	switch one {
	case attributeID:
		e.ID = string(value)
	case attributeSource:
		e.Source = b.source(value)
	case attributeType:
		declared := d.byType[string(value)]
		if declared == nil {
			return false
		}
		e.Type = declared.Type
	case attributeSubject:
		e.Subject = string(value)
	case attributeTime:
		return len(value) > 0 && e.Time.UnmarshalText(value) == nil && in.utc()
	case attributeSentTime:
		return len(value) > 0 && e.SentTime.UnmarshalText(value) == nil && in.utc()
	case attributeAnonymousID:
		e.AnonymousID = string(value)
	case attributeTraceParent:
		e.TraceParent = string(value)
	case attributeContentType:
		return string(value) == "application/json"
	case attributeVersion, attributeData: // the caller's
	}
	return true
}

func (in *incoming) utc() bool {
	in.envelope.Time, in.envelope.SentTime = in.envelope.Time.UTC(), in.envelope.SentTime.UTC()
	return true
}

// source is the text of a source. The events of a request mostly have one.
func (b *batch) source(value []byte) string {
	if string(value) != b.lastSource {
		b.lastSource = string(value)
	}
	return b.lastSource
}

// quickOne reads a request of one event, or gives up.
func (b *batch) quickOne(d *declarations, body []byte) bool {
	b.size(1)
	q := quickReader{raw: body}
	if len(body) <= maxEventBytes && q.event(b, d, &b.events[0]) && q.space() == 0 && q.at == len(body) {
		return true
	}
	b.events[0] = incoming{}
	return false
}

// readBatch reads a request of an array of events. The violation is the array's.
func (b *batch) readBatch(d *declarations, body []byte) *event.Violation {
	slow, ok := b.quickBatch(d, body)
	if ok && len(slow) == 0 {
		return nil
	}
	// Where an event is broken, where the next one begins is not certain either.
	list, v := elements(body)
	if v != nil {
		return v
	}
	if !ok {
		b.size(len(list))
		for i := range list {
			b.events[i] = d.structured(list[i])
		}
		return nil
	}
	for _, i := range slow {
		b.events[i] = d.structured(list[i])
	}
	return nil
}

// quickBatch reads the events of an array into b and lists those that it gave up
// on. It is false when it gives up on the array.
func (b *batch) quickBatch(d *declarations, body []byte) (slow []int, ok bool) {
	b.events = b.events[:0]
	q := quickReader{raw: body}
	if !q.take('[') {
		return nil, false
	}
	for {
		b.events = append(b.events, incoming{})
		i := len(b.events) - 1
		q.space()
		start := q.at
		if !q.event(b, d, &b.events[i]) {
			b.events[i] = incoming{}
			slow = append(slow, i)
			q.at = start
			if _, ok := q.object(); !ok {
				return nil, false
			}
		}
		if !q.take(',') {
			break
		}
	}
	return slow, q.take(']') && q.space() == 0 && q.at == len(body)
}

// mediaType is [mime.ParseMediaType] with the usual ones at hand.
func mediaType(contentType string) (media string, params map[string]string, err error) {
	switch contentType {
	case mediaBatch, mediaStructured, "application/json":
		return contentType, nil, nil
	}
	return mime.ParseMediaType(contentType)
}
