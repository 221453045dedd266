package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Event is an event as the mapping made it.
type Event struct {
	ID          string
	Source      string
	Type        string
	Customer    string // may be empty when AnonymousID is not
	AnonymousID string
	Time        time.Time // UTC
	Data        jsontext.Value
}

// judge skips the record or makes its event.
func (m *Mapping) judge(r record, out *Result) error {
	for _, c := range m.skip {
		if c.holds(r, m.format.empty) {
			out.Outcome, out.Reason = Skipped, c.reason
			return nil
		}
	}
	name, skipped, err := m.chooseType(r)
	if err != nil {
		return err
	}
	if skipped != "" {
		out.Outcome, out.Reason = Skipped, skipped
		return nil
	}
	out.Event, err = m.event(r, name)
	return err
}

func (c condition) holds(r record, emptyWords []string) bool {
	found, _ := r.lookup(c.field)
	text := found.text
	is := (c.isEmpty && (text == "" || slices.Contains(emptyWords, text))) ||
		slices.Contains(c.equals, text) ||
		(c.matches != nil && c.matches.MatchString(text))
	return is != c.unless
}

func (m *Mapping) chooseType(r record) (name, skipped string, err error) {
	if m.typeField == nil {
		return m.typeName, "", nil
	}
	text, err := m.typeField.attribute(r, m.format.empty)
	if err != nil {
		return "", "", err
	}
	name, known := m.types[text]
	switch {
	case known:
		return name, "", nil
	case m.otherwise == "refuse":
		return "", "", refuse("type: the value is not in type.values", "%s is %q", m.typeField.fields[0], text)
	case m.otherwise == "skip":
		return "", "type: the value is not in type.values (type.otherwise: skip)", nil
	}
	return m.otherwise, "", nil
}

// event makes the event of one record.
func (m *Mapping) event(r record, name string) (Event, error) {
	e := Event{Source: m.Source, Type: name}
	var err error
	for _, a := range []struct {
		from *value
		into *string
	}{{m.customer, &e.Customer}, {m.anonymous, &e.AnonymousID}, {m.id, &e.ID}} {
		if a.from == nil {
			continue
		}
		if *a.into, err = a.from.attribute(r, m.format.empty); err != nil {
			return e, err
		}
	}
	switch {
	case e.Customer == "" && e.AnonymousID == "":
		return e, errors.New("customer and anonymous_id are both empty")
	case m.id == nil:
		e.ID = hashID(m.Source, r.line, r.raw)
	case e.ID == "":
		return e, errors.New("id: the field is empty (leave id out of the mapping to have ids made)")
	}
	text, err := m.time.attribute(r, m.format.empty)
	if err != nil {
		return e, err
	}
	if e.Time, err = time.Parse(time.RFC3339Nano, text); err != nil {
		return e, refuse("time: the value is no time", "%q", text)
	}
	data, own := m.data[name]
	if !own {
		data = m.data[""]
	}
	e.Data, _, err = data.append(nil, r, m.format.empty)
	return e, err
}

// attribute evaluates the value as the text of an attribute; "" when empty.
func (v *value) attribute(r fields, emptyWords []string) (string, error) {
	made, err := v.evaluate(r, emptyWords)
	if err != nil || made == nil {
		return "", err
	}
	if made.Kind() != '"' {
		return string(made), nil
	}
	text, err := jsontext.AppendUnquote(nil, made)
	return string(text), err
}

// hashID is the id of an event whose file names none: SHA-256 of the source, the
// line's number and its bytes, 128 bits in hex. A second import of the same
// lines makes the same ids, under whatever name the file goes.
func hashID(source string, line int, raw []byte) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s\n%d\n", source, line)
	_, _ = h.Write(raw)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
