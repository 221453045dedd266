package main

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"headwater.internal/platform/internal/event"
)

// segmentCalls are the calls that the catalogue declares events for. A track
// call names its event itself.
var segmentCalls = []string{"identify", "page", "screen", "group", "alias"}

// segmentPaths maps what follows /v1/ to a call. The browser library uses the
// short names, old mobile libraries import.
var segmentPaths = map[string]string{
	"track": "track", "t": "track",
	"identify": "identify", "i": "identify",
	"page": "page", "p": "page",
	"screen": "screen", "s": "screen",
	"group": "group", "g": "group",
	"alias": "alias", "a": "alias",
	"batch": "batch", "b": "batch", "import": "batch",
}

// noteGenerated is what a sender without message ids is told.
const noteGenerated = "messageId was made up here: this event is not safe to send again, it would count twice"

// segment answers the calls of Segment's HTTP tracking API.
func (g *gateway) segment(r *http.Request, call string) (reply, error) {
	received := g.received()
	if headerKey(r) != "" {
		if _, err := g.authorize(r, ""); err != nil {
			return reply{}, err // without reading what a stranger sends
		}
	}
	b := g.newBatch()
	defer b.close()
	body, err := readBody(r, &b.body)
	if err != nil {
		return reply{}, err
	}
	outer, broken := readOuter(body)
	keyName, err := g.authorize(r, outer.writeKey)
	if err != nil {
		return reply{}, err
	}
	s := segmentReader{declarations: g.declared.Load(), received: received, source: "/segment/" + keyName, sentAt: outer.sentAt}
	if call != "batch" {
		b.events = append(b.events[:0], s.message(call, body))
	} else if err = s.batch(b, outer, broken); err != nil {
		return reply{}, err
	}
	a := g.take(b, received, keyName)
	status := a.status(http.StatusOK, http.StatusOK)
	return reply{status, a}, nil
}

// outer is what a request says of all its messages.
type outer struct {
	writeKey string
	sentAt   jsontext.Value
	batch    jsontext.Value
}

func readOuter(body []byte) (outer, *event.Violation) {
	var o outer
	var scratch incoming
	broken := members(body, func(name string, value jsontext.Value) {
		switch name {
		case "writeKey":
			o.writeKey = scratch.text(name, value)
		case "sentAt":
			o.sentAt = value
		case "batch":
			o.batch = value
		}
	}, lenient...)
	return o, broken
}

// segmentReader turns the messages of one request into events.
type segmentReader struct {
	*declarations
	received time.Time
	source   string
	sentAt   jsontext.Value
}

// batch reads the messages of a batch into b.
func (s *segmentReader) batch(b *batch, o outer, broken *event.Violation) error {
	if broken != nil {
		return problemf(http.StatusBadRequest, "json", "read the batch: %s", broken)
	}
	list, broken := elements(o.batch)
	if broken != nil {
		broken.Pointer = "/batch" + broken.Pointer
		return problemf(http.StatusBadRequest, "json", "read the batch: %s", broken)
	}
	for i := range list {
		b.events = append(b.events, s.message("", list[i]))
	}
	return nil
}

// message is one call. An empty call is read from the message's type.
type message struct {
	incoming
	call, event                         string
	userID                              string
	timestamp, original                 time.Time
	sentAt                              jsontext.Value
	properties, traits, context         jsontext.Value
	name, category, groupID, previousID jsontext.Value
}

func (s *segmentReader) message(call string, raw []byte) incoming {
	m := message{call: call, sentAt: s.sentAt}
	if len(raw) > maxEventBytes {
		m.violations = append(m.violations, tooLarge(len(raw)))
		return m.incoming
	}
	if broken := members(raw, m.member); broken != nil {
		m.violations = append(m.violations, *broken)
		return m.incoming
	}
	m.envelope.Source = s.source
	m.identify()
	m.when(s.received)
	m.declare(s.declarations)
	if m.declared != nil {
		m.envelope.Type = m.declared.Type
		m.fill()
	}
	return m.incoming
}

// member takes one member of a message. Integrations and what else the libraries
// add are not kept.
func (m *message) member(name string, value jsontext.Value) {
	switch name {
	case "type":
		if m.call == "" {
			m.call = m.text(name, value)
		}
	case "event":
		m.event = m.text(name, value)
	case "messageId":
		m.envelope.ID = m.text(name, value)
	case "userId":
		m.userID = m.id(name, value)
	case "anonymousId":
		m.envelope.AnonymousID = m.id(name, value)
	case "timestamp":
		m.timestamp = m.time(name, value)
	case "originalTimestamp":
		m.original = m.time(name, value)
	case "sentAt":
		m.sentAt = value
	case "properties":
		m.properties = value
	case "traits":
		m.traits = value
	case "context":
		m.context = value
	case "name":
		m.name = value
	case "category":
		m.category = value
	case "groupId":
		m.groupID = value
	case "previousId":
		m.previousID = value
	}
}

// id reads an id, which some senders write as a number.
func (m *message) id(name string, value jsontext.Value) string {
	if value.Kind() == jsontext.KindNumber {
		return string(value)
	}
	return m.text(name, value)
}

func (m *message) identify() {
	e := &m.envelope
	if e.Subject = m.userID; e.Subject == "" {
		e.Subject = e.AnonymousID
	}
	if e.Subject == "" && len(m.violations) == 0 {
		m.violate("/userId", event.RuleRequired, "expected userId or anonymousId, got neither")
	}
	if e.ID == "" {
		e.ID, m.note = uuid.NewString(), noteGenerated
	}
}

// maxDrift is how far the sender's clock may be off before it is corrected; less
// than that is the network's doing.
const maxDrift = time.Minute

// when finds the event's time: when the sender says it happened, corrected by
// how far its clock was off when it sent. A message that has both timestamp and
// originalTimestamp was corrected by another gateway before.
func (m *message) when(received time.Time) {
	e := &m.envelope
	if len(m.sentAt) > 0 {
		e.SentTime = m.time("sentAt", m.sentAt)
	}
	corrected := !m.timestamp.IsZero() && !m.original.IsZero()
	if e.Time = m.timestamp; e.Time.IsZero() {
		e.Time = m.original
	}
	if corrected {
		if !m.original.Equal(m.timestamp) {
			e.OriginalTime = m.original
		}
		return
	}
	drift := received.Sub(e.SentTime)
	if e.Time.IsZero() || e.SentTime.IsZero() || drift.Abs() <= maxDrift {
		return
	}
	e.OriginalTime = e.Time
	e.Time = e.Time.Add(drift)
}

// declare finds the event that takes the call.
func (m *message) declare(d *declarations) {
	var v *event.Violation
	if m.asked = m.call; m.call == "track" {
		m.asked = m.event
	}
	switch {
	case m.call == "track" && m.event == "":
		m.missing("event", "the name of a declared event, like Order Placed")
	case m.call == "track":
		m.declared, v = d.findName(m.event, "/event")
	case m.call == "":
		m.missing("type", "track, identify, page, screen, group or alias")
	case slices.Contains(segmentCalls, m.call):
		m.declared, v = d.findCall(m.call, "/type")
	default:
		m.violate("/type", event.RuleEnum, "expected track, identify, page, screen, group or alias, got %q", shorten(m.call))
	}
	if v != nil {
		m.violations = append(m.violations, *v)
	}
}

// fill makes the event's data: properties or traits, and what the call carries
// beside them, under the names that schemas use.
func (m *message) fill() {
	m.data, m.at = m.properties, "/properties"
	if m.call == "identify" || m.call == "group" {
		m.data, m.at = m.traits, "/traits"
	}
	if len(m.data) == 0 || m.data.Kind() == jsontext.KindNull {
		m.data = jsontext.Value("{}")
	}
	switch m.call {
	case "page", "screen":
		m.lift("name", "name", m.name)
		m.lift("category", "category", m.category)
	case "group":
		m.lift("groupId", "group_id", m.groupID)
	case "alias":
		m.lift("previousId", "previous_id", m.previousID)
	}
	m.fillContext()
}

// fillContext puts what a library knows of its surroundings into the data, where
// the schema declares a field for it. A rest field does not count: a context has
// the visitor's address and device, and those are kept only where a declaration
// that names them was reviewed.
func (m *message) fillContext() {
	schema := m.declared.schema
	if schema == nil || m.context.Kind() != jsontext.KindBeginObject {
		return
	}
	if schema.Declares("context") {
		m.lift("context", "context", m.context)
	}
	if !schema.Declares("ip") && !schema.Declares("user_agent") {
		return
	}
	_ = members(m.context, func(name string, value jsontext.Value) { // the message was read: it is JSON
		switch {
		case value.Kind() != jsontext.KindString: // of no use, and no reason to refuse the event
		case name == "ip" && schema.Declares("ip"):
			m.lift("context/ip", "ip", value)
		case name == "userAgent" && schema.Declares("user_agent"):
			m.lift("context/userAgent", "user_agent", value)
		}
	})
}

// lift puts a member of the call into the data as field, unless it is there
// already or the schema has no place for it.
func (m *message) lift(member, field string, value jsontext.Value) {
	if m.renamed == nil {
		m.renamed = make(map[string]string)
	}
	if m.declared.schema == nil || !m.declared.schema.Takes(field) || m.data.Kind() != jsontext.KindBeginObject {
		return
	}
	present := false
	_ = members(m.data, func(name string, _ jsontext.Value) { present = present || name == field })
	if present {
		return
	}
	m.renamed["/"+field] = "/" + member // also where it is missing from
	if len(value) == 0 || value.Kind() == jsontext.KindNull {
		return
	}
	rest := bytes.TrimLeft(m.data[1:], " \t\r\n")
	spliced := append([]byte(`{"`+field+`":`), value...)
	if rest[0] != '}' {
		spliced = append(spliced, ',')
	}
	m.data = append(spliced, rest...)
}
