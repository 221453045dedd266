// Package event is what every part of Headwater means by "an event": its
// envelope (CloudEvents 1.0 in Kafka's binary mode), its schema (Avro behind the
// registry's 5-byte prefix), and the catalogue that declares its type.
//
// The gateway turns JSON into records with it, the processors turn records into
// values, and the command line turns them back into JSON for people.
package event

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Header keys of a record that carries an event. The ce_ prefix and
// content-type are the CloudEvents Kafka binding's; the attributes after
// HeaderSubject are Headwater's extensions.
const (
	HeaderSpecVersion  = "ce_specversion"
	HeaderID           = "ce_id"
	HeaderSource       = "ce_source"
	HeaderType         = "ce_type"
	HeaderTime         = "ce_time"
	HeaderSubject      = "ce_subject"
	HeaderReceivedTime = "ce_receivedtime"
	HeaderOriginalTime = "ce_originaltime"
	HeaderUntimed      = "ce_untimed"
	HeaderSentTime     = "ce_senttime"
	HeaderAnonymousID  = "ce_anonymousid"
	HeaderImportID     = "ce_importid"
	HeaderTraceParent  = "traceparent"
	HeaderContentType  = "content-type"
)

// SpecVersion is the CloudEvents version of every envelope.
const SpecVersion = "1.0"

// ContentType is the media type of every event's value.
const ContentType = "application/avro"

// Envelope is what is known of an event without opening its value. A zero time
// or empty string of an optional attribute means that the header is absent.
type Envelope struct {
	ID      string // unique within Source and Type, chosen by the sender
	Source  string // who made the event, a URI reference
	Type    string // <domain>.<event>, e.g. checkout.order_placed
	Subject string // the customer, optional when AnonymousID is known

	Time         time.Time // when it happened, by the sender's clock, clamped
	ReceivedTime time.Time // optional: when the gateway took it
	OriginalTime time.Time // optional: Time as sent, only when the gateway changed it
	SentTime     time.Time // optional: when the sender sent it, by the sender's clock
	Untimed      bool      // the sender gave no time, so Time is when it was received

	AnonymousID string // optional: the device or visitor before it was known
	ImportID    string // optional: the import run that brought the event
	TraceParent string // optional: W3C trace context
}

// Customer is the key of the event's record: the customer, else the anonymous
// id, else empty.
func (e Envelope) Customer() string {
	if e.Subject != "" {
		return e.Subject
	}
	return e.AnonymousID
}

// Headers renders the envelope as record headers, times as RFC 3339 in UTC.
func (e Envelope) Headers() []kgo.RecordHeader {
	list, _ := e.AppendHeaders(make([]kgo.RecordHeader, 0, 14), make([]byte, 0, 256))
	return list
}

// AppendHeaders appends the envelope's headers to list, and what their values are
// made of to text: a gateway makes up to 14 headers an event. Later appends to
// either leave these headers as they are.
func (e *Envelope) AppendHeaders(list []kgo.RecordHeader, text []byte) ([]kgo.RecordHeader, []byte) {
	h := headers{list, text}
	h.list = append(h.list, kgo.RecordHeader{Key: HeaderSpecVersion, Value: specVersion})
	h.add(HeaderID, e.ID)
	h.add(HeaderSource, e.Source)
	h.add(HeaderType, e.Type)
	h.addTime(HeaderTime, e.Time)
	h.add(HeaderSubject, e.Subject)
	h.addTime(HeaderReceivedTime, e.ReceivedTime)
	h.addTime(HeaderOriginalTime, e.OriginalTime)
	h.addTime(HeaderSentTime, e.SentTime)
	if e.Untimed {
		h.add(HeaderUntimed, "true")
	}
	h.add(HeaderAnonymousID, e.AnonymousID)
	h.add(HeaderImportID, e.ImportID)
	h.add(HeaderTraceParent, e.TraceParent)
	h.list = append(h.list, kgo.RecordHeader{Key: HeaderContentType, Value: contentType})
	return h.list, h.text
}

// Values that all events share. A record's headers are only read.
var specVersion, contentType = []byte(SpecVersion), []byte(ContentType)

// headers packs all values into one piece of memory.
type headers struct {
	list []kgo.RecordHeader
	text []byte
}

func (h *headers) add(key, value string) {
	if value == "" {
		return
	}
	start := len(h.text)
	h.text = append(h.text, value...)
	h.list = append(h.list, kgo.RecordHeader{Key: key, Value: h.text[start:len(h.text):len(h.text)]})
}

func (h *headers) addTime(key string, t time.Time) {
	if t.IsZero() {
		return
	}
	start := len(h.text)
	h.text = t.UTC().AppendFormat(h.text, time.RFC3339Nano)
	h.list = append(h.list, kgo.RecordHeader{Key: key, Value: h.text[start:len(h.text):len(h.text)]})
}

// AttributeError says which attribute of an envelope is missing or malformed.
type AttributeError struct {
	Attribute string // the header's key
	Reason    string // what is wrong with it
}

// Error names the attribute and the reason.
func (e *AttributeError) Error() string {
	return fmt.Sprintf("read the envelope: header %s %s", e.Attribute, e.Reason)
}

// ParseHeaders reads an envelope from a record's headers, ignoring headers it
// does not know. The error is an [*AttributeError] and names the first attribute
// that is missing or malformed.
func ParseHeaders(list []kgo.RecordHeader) (Envelope, error) {
	var e Envelope
	var version string
	for i := range list {
		if list[i].Key == HeaderSpecVersion {
			version = string(list[i].Value)
			continue
		}
		if !utf8.Valid(list[i].Value) && strings.HasPrefix(list[i].Key, "ce_") {
			return Envelope{}, &AttributeError{list[i].Key, "is not UTF-8"}
		}
		if err := e.set(list[i].Key, list[i].Value); err != nil {
			return Envelope{}, err
		}
	}
	if version != SpecVersion {
		return Envelope{}, &AttributeError{HeaderSpecVersion, fmt.Sprintf("is %q, expected %q", version, SpecVersion)}
	}
	return e, e.check()
}

func (e *Envelope) set(key string, value []byte) (err error) {
	switch key {
	case HeaderID:
		e.ID = string(value)
	case HeaderSource:
		e.Source = string(value)
	case HeaderType:
		e.Type = string(value)
	case HeaderTime:
		e.Time, err = parseTime(key, value)
	case HeaderSubject:
		e.Subject = string(value)
	case HeaderReceivedTime:
		e.ReceivedTime, err = parseTime(key, value)
	case HeaderOriginalTime:
		e.OriginalTime, err = parseTime(key, value)
	case HeaderSentTime:
		e.SentTime, err = parseTime(key, value)
	case HeaderUntimed:
		e.Untimed = string(value) == "true"
	case HeaderAnonymousID:
		e.AnonymousID = string(value)
	case HeaderImportID:
		e.ImportID = string(value)
	case HeaderTraceParent:
		e.TraceParent = string(value)
	}
	return err
}

func parseTime(key string, value []byte) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, string(value))
	if err != nil {
		return time.Time{}, &AttributeError{key, fmt.Sprintf("is %q, expected an RFC 3339 time", value)}
	}
	return t.UTC(), nil
}

func (e *Envelope) check() error {
	switch {
	case e.ID == "":
		return &AttributeError{HeaderID, "is missing"}
	case e.Source == "":
		return &AttributeError{HeaderSource, "is missing"}
	case e.Type == "":
		return &AttributeError{HeaderType, "is missing"}
	case e.Time.IsZero():
		return &AttributeError{HeaderTime, "is missing"}
	case e.Customer() == "":
		return &AttributeError{HeaderSubject, "is missing and so is " + HeaderAnonymousID}
	}
	return nil
}

// MaxAhead is how far past its receipt an event may claim to have happened.
const MaxAhead = 5 * time.Minute

// Clamp limits an event's time to MaxAhead past its receipt and says whether it
// had to. A wrong clock may not push windows and sessions into the future.
func Clamp(eventTime, received time.Time) (clamped time.Time, changed bool) {
	if limit := received.Add(MaxAhead); eventTime.After(limit) {
		return limit, true
	}
	return eventTime, false
}

// Optional is how the schemas' generated types hold text that may be missing: nil
// for "".
func Optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
