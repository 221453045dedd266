package stream

import (
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// Input is one record as a rule sees it. Its slices are only lent: a rule that
// keeps them copies them.
type Input struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte
	Value     []byte
	Headers   []kgo.RecordHeader
	// Received is the record's Kafka timestamp: the receipt time on raw and
	// processed topics.
	Received time.Time
	// ImportID is set by the rule that knows which import brought the record;
	// the ledger then counts the record for that import too.
	ImportID string

	lookups Lookups
	codecs  *codecs
}

// Lookups is what a record may refer to and the runtime fetches for it.
type Lookups interface {
	// Schema finds a schema by id. Errors are those of [event.Registry.Schema].
	Schema(id int) (*event.Schema, error)
	// Subjects lists the subjects that have the schema as one of their versions.
	Subjects(id int) ([]string, error)
	// Catalogue is the catalogue of events as it is now.
	Catalogue() event.View
}

// Catalogue is the catalogue of events as it is now. The processor's Spec must
// ask for it.
func (in *Input) Catalogue() event.View { return in.lookups.Catalogue() }

// Schema finds the schema that the value was written with.
func (in *Input) Schema() (*event.Schema, Verdict) {
	id, err := event.SchemaID(in.Value)
	if err != nil {
		return nil, DeadLetter(BadSchemaID, "%v", err)
	}
	schema, err := in.lookups.Schema(id)
	if err != nil {
		return nil, lookupVerdict(err)
	}
	return schema, Applied
}

// WrittenFor checks that the value's schema is a version of the subject.
func (in *Input) WrittenFor(schema *event.Schema, subject string) Verdict {
	subjects, err := in.lookups.Subjects(schema.ID())
	if err != nil {
		return lookupVerdict(err)
	}
	if !slices.Contains(subjects, subject) {
		return DeadLetter(WrongSubject, "schema %d belongs to %q, topic %s needs a version of %s", schema.ID(), subjects, in.Topic, subject)
	}
	return Applied
}

// Decode reads the value into a generated struct, by the schema that the Spec
// names for the topic: a value that was written with another version of it is
// resolved to that.
func (in *Input) Decode(into any) Verdict {
	schema, verdict := in.Schema()
	if !verdict.OK() {
		return verdict
	}
	if err := in.codecs.decode(in.Topic, schema, in.Value, into); err != nil {
		return DeadLetter(BadPayload, "%v", err)
	}
	return Applied
}

func lookupVerdict(err error) Verdict {
	var unknown *event.UnknownSchemaError
	var unreachable *event.RegistryError
	switch {
	case errors.As(err, &unknown):
		return DeadLetter(UnknownSchema, "%v", err)
	case errors.As(err, &unreachable):
		return Retry("%v", err)
	default: // it is there, and it is no Avro
		return DeadLetter(BadPayload, "%v", err)
	}
}
