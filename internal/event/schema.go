package event

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/twmb/avro"
)

// prefixBytes is the length of what the registry's wire format puts before the
// Avro body: a zero byte and the schema id, big-endian.
const prefixBytes = 5

// Schema is one compiled version of an event's Avro schema. It is immutable and
// safe for concurrent use.
type Schema struct {
	id   int
	text string
	avro *avro.Schema
	plan *plan
}

// CompileSchema parses an Avro schema that the registry knows under id. The
// schema stands alone: references to other subjects are not resolved.
func CompileSchema(id int, avsc string) (*Schema, error) {
	parsed, err := avro.Parse(avsc)
	if err != nil {
		return nil, fmt.Errorf("compile schema %d: %w", id, err)
	}
	p, err := compilePlan(parsed)
	if err != nil {
		return nil, fmt.Errorf("compile schema %d: %w", id, err)
	}
	return &Schema{id: id, text: avsc, avro: parsed, plan: p}, nil
}

// ID is the registry's id of the schema.
func (s *Schema) ID() int { return s.id }

// Text is the schema as it was given to [CompileSchema].
func (s *Schema) Text() string { return s.text }

// Avro is the parsed schema, for resolution against another.
func (s *Schema) Avro() *avro.Schema { return s.avro }

// Encode appends the prefix and the Avro body of v, a generated struct or a map,
// to dst. On error dst comes back unchanged.
func (s *Schema) Encode(dst []byte, v any) ([]byte, error) {
	out, err := s.avro.AppendEncode(s.appendPrefix(dst), v)
	if err != nil {
		return dst, fmt.Errorf("encode with schema %d: %w", s.id, err)
	}
	return out, nil
}

// Decode reads a prefixed value that was written with this schema into the
// struct or map that into points at. Bytes left over are an error.
func (s *Schema) Decode(value []byte, into any) error {
	body, err := s.body(value)
	if err != nil {
		return err
	}
	return s.DecodeBody(body, into)
}

// DecodeBody is Decode for an Avro body whose prefix was already taken off.
func (s *Schema) DecodeBody(body []byte, into any) error {
	rest, err := s.avro.Decode(body, into)
	if err != nil {
		return fmt.Errorf("decode with schema %d: %w", s.id, err)
	}
	if len(rest) > 0 {
		return fmt.Errorf("decode with schema %d: %d bytes are left over", s.id, len(rest))
	}
	return nil
}

// JSON renders a prefixed value that was written with this schema for people
// and for [Schema.EncodeJSON]: times as RFC 3339, bytes as base64, decimals as
// strings, unions as their bare value.
func (s *Schema) JSON(value []byte) (jsontext.Value, error) {
	body, err := s.body(value)
	if err != nil {
		return nil, err
	}
	return s.JSONBody(body)
}

func (s *Schema) appendPrefix(dst []byte) []byte {
	dst = append(dst, 0)
	return binary.BigEndian.AppendUint32(dst, uint32(s.id)) //nolint:gosec // ids are positive 32-bit numbers by the registry's contract
}

func (s *Schema) body(value []byte) ([]byte, error) {
	id, err := SchemaID(value)
	if err != nil {
		return nil, err
	}
	if id != s.id {
		return nil, fmt.Errorf("decode with schema %d: the value was written with schema %d", s.id, id)
	}
	return value[prefixBytes:], nil
}

// ErrNoPrefix is in the chain of [SchemaID]'s error.
var ErrNoPrefix = errors.New("the value does not begin with a zero byte and a schema id")

// SchemaID reads the registry's schema id from a record's value.
func SchemaID(value []byte) (id int, err error) {
	if len(value) < prefixBytes || value[0] != 0 {
		return 0, fmt.Errorf("read the schema id of a value of %d bytes: %w", len(value), ErrNoPrefix)
	}
	return int(binary.BigEndian.Uint32(value[1:prefixBytes])), nil
}

// Body is the Avro body of a prefixed value, without its prefix.
func Body(value []byte) ([]byte, error) {
	if _, err := SchemaID(value); err != nil {
		return nil, err
	}
	return value[prefixBytes:], nil
}

// Takes says whether a JSON object of the schema may have the member: a field of
// that name, or a rest field that takes any.
func (s *Schema) Takes(member string) bool {
	return s.Declares(member) || s.plan.root.shape == shapeRecord && s.plan.root.rest >= 0
}

// Declares says whether the schema is a record with a field of that name.
func (s *Schema) Declares(field string) bool {
	_, declared := s.plan.root.index[field]
	return declared
}
