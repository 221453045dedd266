package stream

import (
	"fmt"
	"time"
)

// Rule is what a processor does. It must be a function of what it is given: the
// same records, state and clock give the same result in every run, since a
// transaction that aborts is done again. One Rule serves all partitions of a
// task, one call at a time; it keeps nothing between calls.
type Rule interface {
	// Apply handles one record. What it does to tx counts only when it returns
	// without a panic and with a verdict other than [DeadLetter] and [Retry].
	Apply(tx *Tx, in *Input) Verdict
}

// Waker is a rule whose state wants to be woken by the partition's clock.
type Waker interface {
	// Due is when the entry wants to be woken; false for never. It may look at
	// nothing but its arguments and must be cheap: it is asked at each change.
	Due(key, value []byte) (time.Time, bool)
	// Wake is called once the partition's clock has reached what Due says. The
	// entry must be changed so that it is due later, or deleted.
	Wake(tx *Tx, key, value []byte)
}

// Sealer is a rule that publishes once per transaction, however often the
// records of the transaction changed a thing.
type Sealer interface {
	// Seal is called for each partition that changed, after its last record.
	Seal(tx *Tx)
}

// Class says why a record is a dead letter. The set is closed.
type Class string

// The classes of dead letters.
const (
	BadEnvelope   Class = "bad_envelope"   // a CloudEvents attribute is missing or malformed
	BadSchemaID   Class = "bad_schema_id"  // the value does not begin with a schema id
	UnknownSchema Class = "unknown_schema" // the registry does not know the id
	WrongSubject  Class = "wrong_subject"  // the id is no version of the topic's schema
	BadPayload    Class = "bad_payload"    // the value does not decode
	UnknownType   Class = "unknown_type"   // the catalogue does not declare the type on this topic
	IDCollision   Class = "id_collision"   // the id was used before for something else
	RuleError     Class = "rule_error"     // the rule failed on the record
	Skipped       Class = "skipped"        // an operator took the record off the processor
)

// Classes lists all classes, in the order in which state keeps them. New ones
// are added at the end.
var Classes = [...]Class{
	BadEnvelope, BadSchemaID, UnknownSchema, WrongSubject, BadPayload, UnknownType, IDCollision, RuleError, Skipped,
}

type outcome uint8

const (
	applied outcome = iota
	duplicate
	late
	deadLetter
	retry
)

var outcomeNames = [...]string{"applied", "duplicate", "late", "dead_lettered", "retry"}

// Verdict is what became of one record. The ledger counts each record under
// exactly one.
type Verdict struct {
	outcome outcome
	class   Class
	reason  string
}

// Verdicts without a reason.
var (
	Applied   = Verdict{outcome: applied}   // the record took effect
	Duplicate = Verdict{outcome: duplicate} // the record took effect earlier
	Late      = Verdict{outcome: late}      // the record would have touched state already dropped
)

// DeadLetter sends the record to the dead letters with a reason for people.
func DeadLetter(class Class, format string, args ...any) Verdict {
	return Verdict{deadLetter, class, fmt.Sprintf(format, args...)}
}

// Retry says that something the record needs cannot be reached: the task waits
// and takes the record again.
func Retry(format string, args ...any) Verdict {
	return Verdict{outcome: retry, reason: fmt.Sprintf(format, args...)}
}

// OK says whether the verdict is [Applied].
func (v Verdict) OK() bool { return v.outcome == applied }

// Class is the class of a dead letter, empty for other verdicts.
func (v Verdict) Class() Class { return v.class }

// Reason is why, for dead letters and retries.
func (v Verdict) Reason() string { return v.reason }

// String is the verdict for logs and golden files.
func (v Verdict) String() string {
	if v.outcome == deadLetter {
		return fmt.Sprintf("%s %s: %s", outcomeNames[v.outcome], v.class, v.reason)
	}
	if v.reason != "" {
		return outcomeNames[v.outcome] + ": " + v.reason
	}
	return outcomeNames[v.outcome]
}
