package stream

import (
	"bytes"
	"fmt"

	"github.com/twmb/avro"

	"headwater.internal/platform/internal/event"
)

// codecs encodes outputs with the schemas that the Spec names and decodes inputs
// to them. It is used by one goroutine.
type codecs struct {
	spec    Spec
	writers map[string]*event.Schema // by output topic
	readers map[string]*reader       // by input topic
	scratch []byte                   // what encode writes into, before the size is known
}

// reader decodes one topic's values into the schema its processor was built with.
type reader struct {
	schema   *avro.Schema // nil when the processor looks at bytes only
	text     string
	resolved map[int]*avro.Schema // by writer's id; nil where both are the same text
}

// newCodecs compiles the Spec's schemas. ids gives each output topic the id
// under which the registry knows its schema.
func newCodecs(spec Spec, ids map[string]int) (*codecs, error) {
	c := &codecs{spec: spec, writers: make(map[string]*event.Schema), readers: make(map[string]*reader)}
	for _, w := range spec.Writes {
		schema, err := event.CompileSchema(ids[w.Topic], w.Schema)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", w.Topic, err)
		}
		c.writers[w.Topic] = schema
	}
	return c, nil
}

// encode renders an output's value: bytes as they are, anything else by the
// topic's schema.
func (c *codecs) encode(topic string, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case []byte:
		return v, nil
	}
	schema, ok := c.writers[topic]
	if !ok {
		return nil, fmt.Errorf("write %s: the processor does not declare it as an output", topic)
	}
	out, err := schema.Encode(c.scratch[:0], value)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", topic, err)
	}
	c.scratch = out
	return bytes.Clone(out), nil
}

func (c *codecs) decode(topic string, writer *event.Schema, value []byte, into any) error {
	r, err := c.reader(topic)
	if err != nil {
		return err
	}
	resolved, known := r.resolved[writer.ID()]
	if !known {
		if writer.Text() != r.text {
			if resolved, err = avro.Resolve(writer.Avro(), r.schema); err != nil {
				return fmt.Errorf("read %s: %w", topic, err)
			}
		}
		r.resolved[writer.ID()] = resolved
	}
	if resolved == nil {
		return writer.Decode(value, into)
	}
	body, err := event.Body(value)
	if err != nil {
		return err
	}
	rest, err := resolved.Decode(body, into)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes are left over", len(rest))
	}
	if err != nil {
		return fmt.Errorf("decode with schema %d: %w", writer.ID(), err)
	}
	return nil
}

func (c *codecs) reader(topic string) (*reader, error) {
	if r, ok := c.readers[topic]; ok {
		return r, nil
	}
	source, ok := c.spec.source(topic)
	if !ok || source.Schema == "" {
		return nil, fmt.Errorf("read %s: the processor declares no schema for it", topic)
	}
	schema, err := avro.Parse(source.Schema)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", topic, err)
	}
	r := &reader{schema: schema, text: source.Schema, resolved: make(map[int]*avro.Schema)}
	c.readers[topic] = r
	return r, nil
}
