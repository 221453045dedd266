package event

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
)

// EntryVersion is the format of the catalogue entries this build reads. A change
// that an older reader would misread raises it.
const EntryVersion = 1

// Entry declares one event type: the value of a record on the catalogue topic,
// keyed by Type. Terraform writes it after topic, subject and ACLs exist.
type Entry struct {
	Version       int      `json:"version"`
	Type          string   `json:"type"`   // <domain>.<event>
	Tier          string   `json:"tier"`   // raw, processed, aggregates or repartition
	Domain        string   `json:"domain"` // first half of Type
	Name          string   `json:"name"`   // second half of Type
	Description   string   `json:"description"`
	Owner         string   `json:"owner"`   // a team
	Topic         string   `json:"topic"`   // where its records go
	Subject       string   `json:"subject"` // its schema's name in the registry
	SchemaType    string   `json:"schema_type"`
	SchemaID      int      `json:"schema_id"`
	SchemaVersion int      `json:"schema_version"`
	Schema        string   `json:"schema"` // the schema's text
	Compatibility string   `json:"compatibility"`
	RetentionMS   int64    `json:"retention_ms"`
	PII           []string `json:"pii"`           // fields that identify a person
	Producers     []string `json:"producers"`     // teams and processors
	Consumers     []string `json:"consumers"`     // teams and processors
	RevenueField  string   `json:"revenue_field"` // field whose value counts as revenue, or empty
	SegmentCall   string   `json:"segment_call"`  // identify, page, screen, group or alias, or empty
	Retired       bool     `json:"retired"`       // no new events are taken
}

// ParseEntry reads one catalogue record's value. It refuses entries of a newer
// format and entries without a type or topic.
func ParseEntry(value []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(value, &e); err != nil {
		return Entry{}, fmt.Errorf("read catalogue entry: %w", err)
	}
	switch {
	case e.Version > EntryVersion:
		return Entry{}, fmt.Errorf("read catalogue entry %s: its version is %d, this build reads up to %d", e.Type, e.Version, EntryVersion)
	case e.Type == "" || e.Topic == "":
		return Entry{}, fmt.Errorf("read catalogue entry %q: type and topic must both be set", e.Type)
	}
	return e, nil
}

// Compile compiles the entry's schema. Only Avro is compiled.
func (e Entry) Compile() (*Schema, error) {
	if e.SchemaType != "" && !strings.EqualFold(e.SchemaType, "AVRO") {
		return nil, fmt.Errorf("compile schema of %s: type %s is not Avro", e.Type, e.SchemaType)
	}
	s, err := CompileSchema(e.SchemaID, e.Schema)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Type, err)
	}
	return s, nil
}
