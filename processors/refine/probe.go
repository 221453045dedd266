package main

import (
	"fmt"
	"math"
	"math/big"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/twmb/avro"

	"headwater.internal/platform/internal/event"
)

// probes walks values from end to end without building what nobody looks at: a
// value is resolved to a record that has only the revenue field, or none. A
// probe is a function of schema and field, so keeping it keeps the rule pure.
type probes struct {
	byField map[probeKey]*avro.Schema
}

type probeKey struct {
	schema int
	field  string
}

func newProbes() *probes { return &probes{byField: make(map[probeKey]*avro.Schema)} }

// read checks that the value decodes to its last byte and returns its revenue in
// millionths; nil when the field is empty or not part of this version.
func (p *probes) read(schema *event.Schema, field string, value []byte) (*int64, error) {
	body, err := event.Body(value)
	if err != nil {
		return nil, err
	}
	probe, err := p.probe(schema, field)
	if err != nil {
		return nil, err
	}
	found := map[string]any(nil)
	var into any = &struct{}{}
	if field != "" {
		into = &found
	}
	rest, err := probe.Decode(body, into)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes are left over", len(rest))
	}
	if err != nil {
		return nil, fmt.Errorf("decode with schema %d: %w", schema.ID(), err)
	}
	return micros(field, found[field])
}

func (p *probes) probe(schema *event.Schema, field string) (*avro.Schema, error) {
	key := probeKey{schema.ID(), field}
	if probe, ok := p.byField[key]; ok {
		return probe, nil
	}
	reader, err := readerOf(schema.Text(), field)
	if err != nil {
		return nil, fmt.Errorf("read schema %d: %w", schema.ID(), err)
	}
	probe, err := avro.Resolve(schema.Avro(), reader)
	if err != nil {
		return nil, fmt.Errorf("read schema %d: %w", schema.ID(), err)
	}
	p.byField[key] = probe
	return probe, nil
}

// readerOf makes the schema of the same record with at most one of its fields.
func readerOf(text, field string) (*avro.Schema, error) {
	var record struct {
		Type      string           `json:"type"`
		Name      string           `json:"name"`
		Namespace string           `json:"namespace,omitzero"`
		Fields    []jsontext.Value `json:"fields"`
	}
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		return nil, err
	}
	fields := []jsontext.Value{}
	for _, f := range record.Fields {
		var named struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(f, &named); err != nil {
			return nil, err
		}
		if named.Name == field {
			fields = append(fields, f)
		}
	}
	record.Fields = fields
	reader, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	return avro.Parse(string(reader))
}

// micros is an amount in millionths, rounded.
func micros(field string, amount any) (*int64, error) {
	var value float64
	switch v := amount.(type) {
	case nil:
		return nil, nil //nolint:nilnil // no revenue is a valid answer, documented above
	case float64:
		value = v
	case float32:
		value = float64(v)
	case int64:
		value = float64(v)
	case int32:
		value = float64(v)
	case int:
		value = float64(v)
	case *big.Rat:
		value, _ = v.Float64()
	default:
		return nil, fmt.Errorf("read revenue field %s: %T is not a number", field, amount)
	}
	rounded := math.Round(value * 1e6)
	if math.IsNaN(rounded) || math.Abs(rounded) >= 1<<63 {
		return nil, fmt.Errorf("read revenue field %s: %v is out of range", field, value)
	}
	n := int64(rounded)
	return &n, nil
}
