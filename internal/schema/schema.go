// Package schema holds what Headwater knows about schemas: when two texts mean
// the same, whether a new version may follow the earlier ones, and a registry
// that keeps them behind the Confluent REST API.
//
// The provider decides compatibility in plan with the same [Check] that the
// embedded registry applies when it registers, so that the two cannot disagree.
package schema

import (
	"fmt"
	"slices"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
)

// Reference is a schema that another one names: an Avro named type, a JSON
// Schema $ref or a Protobuf import.
type Reference struct {
	Name   string // how the referring text calls it
	Schema *Schema
}

// Schema is a parsed schema with its references resolved. It is immutable and
// safe for concurrent use.
type Schema struct {
	kind       sr.SchemaType
	text       string
	normal     string
	references []Reference
	avro       *avro.Schema // nil unless kind is sr.TypeAvro
	tree       *avroNode
}

// Parse checks a schema text of any of the three types and resolves it against
// its references. The error names the type and what does not parse.
func Parse(kind sr.SchemaType, text string, references []Reference) (*Schema, error) {
	s := &Schema{kind: kind, text: text, references: slices.Clone(references)}
	var err error
	switch kind {
	case sr.TypeAvro:
		err = s.parseAvro()
	case sr.TypeJSON:
		err = s.parseJSON()
	case sr.TypeProtobuf:
		err = s.parseProtobuf()
	default:
		err = fmt.Errorf("schema type %d is none of AVRO, PROTOBUF and JSON", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("parse %s schema: %w", kind, err)
	}
	return s, nil
}

// Type is the schema's format.
func (s *Schema) Type() sr.SchemaType { return s.kind }

// Text is the schema as it was written.
func (s *Schema) Text() string { return s.text }

// Normal is the schema without what carries no meaning: white space, the order
// of JSON members, the several spellings of one Avro name. Documentation,
// defaults and aliases stay, since readers see them.
func (s *Schema) Normal() string { return s.normal }

// Equal reports whether both schemas mean the same and refer to the same.
func (s *Schema) Equal(other *Schema) bool {
	return s.kind == other.kind && s.normal == other.normal &&
		slices.EqualFunc(s.references, other.references, func(a, b Reference) bool {
			return a.Name == b.Name && a.Schema.Equal(b.Schema)
		})
}

// SameText reports whether two texts of one type mean the same, references
// aside. Texts that do not parse are the same only when they are equal bytes.
func SameText(kind sr.SchemaType, a, b string) bool {
	if a == b {
		return true
	}
	na, errA := normalText(kind, a)
	nb, errB := normalText(kind, b)
	return errA == nil && errB == nil && na == nb
}

func normalText(kind sr.SchemaType, text string) (string, error) {
	switch kind {
	case sr.TypeAvro:
		return normalAvro(text)
	case sr.TypeProtobuf:
		return normalProtobuf(text)
	default:
		return normalJSON(text)
	}
}

// each visits the references depth first, a referred schema before the one
// that refers to it, each text once.
func (s *Schema) each(visit func(Reference) error) error {
	seen := make(map[string]bool)
	var walk func([]Reference) error
	walk = func(refs []Reference) error {
		for _, r := range refs {
			if seen[r.Name+"\x00"+r.Schema.normal] {
				continue
			}
			seen[r.Name+"\x00"+r.Schema.normal] = true
			if err := walk(r.Schema.references); err != nil {
				return err
			}
			if err := visit(r); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(s.references)
}
