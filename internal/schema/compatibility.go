package schema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
)

// Rules that a violation can name. The Avro ones are spelled as Confluent's
// registry spells them; the last four are Headwater's own.
const (
	RuleMissingDefault     = "READER_FIELD_MISSING_DEFAULT_VALUE"
	RuleTypeMismatch       = "TYPE_MISMATCH"
	RuleNameMismatch       = "NAME_MISMATCH"
	RuleFixedSize          = "FIXED_SIZE_MISMATCH"
	RuleMissingEnumSymbols = "MISSING_ENUM_SYMBOLS"
	RuleMissingUnionBranch = "MISSING_UNION_BRANCH"
	RuleDecimalChanged     = "DECIMAL_CHANGED"
	RuleLogicalTypeChanged = "LOGICAL_TYPE_CHANGED" // millis read as micros decodes, and is wrong by a factor of 1000
	RuleSchemaTypeChanged  = "SCHEMA_TYPE_CHANGED"
	RuleNotCheckable       = "COMPATIBILITY_NOT_CHECKABLE" // nobody here can decide it, so nobody says yes
)

// Violation is one broken rule between a new schema and an earlier version.
type Violation struct {
	Rule      string // one of the Rule constants
	Path      string // dotted path of the element, "(root)" for the schema itself
	Direction string // BACKWARD: the new schema reads old data; FORWARD: the reverse; empty when neither
	Version   int    // the earlier version, 0 when the rule holds for the new schema alone
	Message   string // a sentence that says what is wrong and how to mend it
}

// String renders the violation on one line, as the registry's messages do.
func (v Violation) String() string {
	s := v.Rule + " at " + v.Path
	if v.Direction != "" {
		s += fmt.Sprintf(" (%s against version %d)", v.Direction, v.Version)
	}
	return s + ": " + v.Message
}

// Earlier is a registered version that a new schema is held against.
type Earlier struct {
	Version int // in its subject
	Schema  *Schema
}

// Levels lists the seven compatibility levels, loosest first.
func Levels() []sr.CompatibilityLevel {
	return []sr.CompatibilityLevel{
		sr.CompatNone, sr.CompatBackward, sr.CompatBackwardTransitive, sr.CompatForward,
		sr.CompatForwardTransitive, sr.CompatFull, sr.CompatFullTransitive,
	}
}

// Transitive reports whether the level holds a schema against every earlier
// version rather than the latest alone.
func Transitive(level sr.CompatibilityLevel) bool {
	return level == sr.CompatBackwardTransitive || level == sr.CompatForwardTransitive || level == sr.CompatFullTransitive
}

// Check reports every rule that next breaks at level. earlier holds the
// subject's live versions, oldest first. An empty answer means that next may be
// registered. Protobuf and JSON schemas have no checker here and are refused at
// any level but NONE, the first version too: accepting it would promise that
// the second will be checked.
func Check(level sr.CompatibilityLevel, next *Schema, earlier []Earlier) []Violation {
	if level == sr.CompatNone {
		return nil
	}
	if next.kind != sr.TypeAvro {
		return []Violation{{Rule: RuleNotCheckable, Path: "(root)", Message: fmt.Sprintf(
			"%s schemas are accepted only at compatibility level NONE, because their changes cannot be checked here, and the level is %s: set the subject's level to NONE or use AVRO",
			next.kind, level)}}
	}
	return Compare(level, next, earlier)
}

// Compare is [Check] for who leaves Protobuf and JSON schemas to another judge: of
// those it compares the type only.
func Compare(level sr.CompatibilityLevel, next *Schema, earlier []Earlier) []Violation {
	if level == sr.CompatNone {
		return nil
	}
	if n := len(earlier); n > 1 && !Transitive(level) {
		earlier = earlier[n-1:]
	}
	var found []Violation
	for _, e := range earlier {
		found = append(found, checkPair(level, next, e)...)
	}
	return found
}

func checkPair(level sr.CompatibilityLevel, next *Schema, e Earlier) []Violation {
	if e.Schema.kind != next.kind {
		return []Violation{{Rule: RuleSchemaTypeChanged, Path: "(root)", Version: e.Version, Message: fmt.Sprintf(
			"version %d is %s and the new schema is %s: a subject keeps its schema type, so declare a new subject", e.Version, e.Schema.kind, next.kind)}}
	}
	if next.kind != sr.TypeAvro {
		return nil
	}
	var found []Violation
	old := fmt.Sprintf("version %d", e.Version)
	if reads(level, "BACKWARD") {
		for _, v := range avroViolations(e.Schema, next, old, "the new schema") {
			v.Direction, v.Version = "BACKWARD", e.Version
			found = append(found, v)
		}
	}
	if reads(level, "FORWARD") {
		for _, v := range avroViolations(next, e.Schema, "the new schema", old) {
			if v.Rule == RuleLogicalTypeChanged && reads(level, "BACKWARD") {
				continue // the same sentence from the other side
			}
			v.Direction, v.Version = "FORWARD", e.Version
			found = append(found, v)
		}
	}
	return found
}

// reads reports whether the level demands the direction.
func reads(level sr.CompatibilityLevel, direction string) bool {
	return strings.HasPrefix(level.String(), direction) || strings.HasPrefix(level.String(), "FULL")
}

// avroViolations reports what keeps reader from reading writer's data. The walk
// says why, in full; the codec has the last word, so that nothing passes which
// it cannot decode. The walk alone refuses two things: a changed meaning of the
// same bytes, and a new nullable field without "default": null, which our codec
// would fill and readers in other languages would not.
func avroViolations(writer, reader *Schema, writerName, readerName string) []Violation {
	w := comparison{writerName: writerName, readerName: readerName, seen: make(map[[2]*avroNode]bool)}
	w.compare(writer.tree, reader.tree, "")
	err := avro.CheckCompatibility(writer.avro, reader.avro)
	if err == nil || len(w.structure) > 0 {
		return append(w.structure, w.meaning...)
	}
	v := Violation{Rule: RuleTypeMismatch, Path: "(root)", Message: err.Error()}
	var codec *avro.CompatibilityError
	if errors.As(err, &codec) {
		v.Path, v.Message = codec.Path, fmt.Sprintf("%s cannot be read with %s: %s", writerName, readerName, codec.Detail)
	}
	return append(w.meaning, v)
}
