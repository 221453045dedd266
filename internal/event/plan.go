package event

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/twmb/avro"
)

type plan struct{}

func compilePlan(*avro.Schema) (*plan, error) { return &plan{}, nil }

// EncodeJSON provisional.
func (s *Schema) EncodeJSON(dst []byte, data jsontext.Value) ([]byte, []Violation) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return dst, []Violation{{"", RuleJSON, err.Error()}}
	}
	out, err := s.avro.AppendEncode(s.appendPrefix(dst), v)
	if err != nil {
		return dst, []Violation{{"", RuleType, err.Error()}}
	}
	return out, nil
}

// JSONBody is [Schema.JSON] for an Avro body whose prefix was already taken off.
func (s *Schema) JSONBody(body []byte) (jsontext.Value, error) {
	var v any
	if err := s.DecodeBody(body, &v); err != nil {
		return nil, err
	}
	out, err := json.Marshal(v, json.Deterministic(true))
	return out, err
}
