package schema

import (
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// parseJSON compiles a JSON Schema with its references as resources, so that a
// $ref that leads nowhere is an error here and not at the first message.
func (s *Schema) parseJSON() error {
	normal, err := normalJSON(s.text)
	if err != nil {
		return err
	}
	s.normal = normal
	c := jsonschema.NewCompiler()
	err = s.each(func(r Reference) error {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(r.Schema.text))
		if err != nil {
			return fmt.Errorf("reference %s: %w", r.Name, err)
		}
		return c.AddResource(jsonBase+r.Name, doc)
	})
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(s.text))
	if err != nil {
		return err
	}
	if err := c.AddResource(jsonBase+"schema.json", doc); err != nil {
		return err
	}
	_, err = c.Compile(jsonBase + "schema.json")
	return err
}

// jsonBase is the address that a schema text without $id is compiled under;
// relative references resolve beside it and nothing is ever fetched from it.
const jsonBase = "mem:///"

// normalJSON sorts members and drops white space.
func normalJSON(text string) (string, error) {
	v, err := decodeJSON(text)
	if err != nil {
		return "", err
	}
	return encodeJSON(v)
}
