package stream

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Topics that every processor writes besides its own.
const (
	DeadLetterTopic = "dead-letters"
	LedgerTopic     = "headwater.ledger"
)

// Spec says what a processor is: the name under which Kafka knows it, the topics
// it reads and writes, and how it keeps state.
type Spec struct {
	// Name is the processor's verb. It is its consumer group, the prefix of its
	// transactional ids and its principal.
	Name string
	// What it does, in a sentence, for --help.
	About string
	// Reads lists the inputs. Partition p of each is handled by one task.
	Reads []Source
	// Writes lists every topic that the rule may write. What writes to another is
	// refused as if it had panicked.
	Writes []Sink
	// State is how the rule's state is kept.
	State State
	// FollowsCatalogue makes the event catalogue available to the rule. The task
	// waits until it has read the catalogue before it takes its first record.
	FollowsCatalogue bool
}

// Source is one input.
type Source struct {
	Topic  string // a name, or a regular expression when it begins with ^
	Schema string // Avro schema to read values as; empty when the rule looks at bytes
	// Stage is the name under which the ledger counts the input's records; the
	// processor's own unless set. What a processor takes in beside its stream,
	// records of its own repartition topic for one, has a stage of its own: in of
	// the stream's stage stays what the stage before wrote. Such records are also
	// left out of the latency.
	Stage string
}

// Sink is one output.
type Sink struct {
	Topic  string
	Schema string // Avro schema of the values
	// SamePartition puts each record into the partition that has the number of
	// the input's, so that a reader finds a customer's records together. Other
	// records go where the hash of their key puts them.
	SamePartition bool
	// KeepsReceipt gives appended records the receipt time of their input as
	// timestamp, those of Wake and Seal the partition's clock. Others carry the
	// time at which they were written.
	KeepsReceipt bool
}

// State says how a rule's state is kept.
type State struct {
	// Topic is the compacted changelog.
	Topic string
	// Version is the format of the rule's keys and values. State of an
	// older version goes through the rule's [Migrator], else it is refused at
	// start; state of a newer one always is.
	Version int
	// Expires says that the topic deletes by age as well and that the rule only
	// deletes what is older: such deletions are not written to the changelog.
	Expires bool
}

// Limits of the runtime. A task reads some from its environment.
type Limits struct {
	CommitInterval     time.Duration // a transaction stays open for this long while few records come
	LongestInterval    time.Duration // and for up to this long while many do; not less than the other
	MaxRecords         int           // records after which a transaction is committed at once
	TransactionTimeout time.Duration // after which the broker aborts a dead task's transaction
	SessionTimeout     time.Duration // after which the group gives a silent task's partitions away
	Patience           time.Duration // how long an unknown schema may still turn up
	CacheBytes         int           // of committed values kept beside Pebble, shared by the task's partitions
}

// defaultCacheBytes keeps about 300,000 sessions at hand.
const defaultCacheBytes = 64 << 20

// DefaultLimits are what a task runs with. The commit interval bounds latency: at
// 2,315 records/s one hop took 35 ms at the 99th percentile with 20 ms, 44 ms
// with 30 ms, for the same CPU, and an event takes two hops. What the longest
// bounds is p99 at ten times that rate, 500 ms over both hops.
func DefaultLimits() Limits {
	return Limits{
		CommitInterval:     20 * time.Millisecond,
		LongestInterval:    100 * time.Millisecond,
		MaxRecords:         5_000,
		TransactionTimeout: 10 * time.Second,
		SessionTimeout:     10 * time.Second,
		Patience:           30 * time.Second,
		CacheBytes:         defaultCacheBytes,
	}
}

// fix makes all transactions stay open for d; zero leaves it to the rate.
func (l *Limits) fix(d time.Duration) {
	if d > 0 {
		l.CommitInterval, l.LongestInterval = d, d
	}
}

// Validate reports what a Spec lacks.
func (s Spec) Validate() error {
	var errs []error
	if s.Name == "" {
		errs = append(errs, errors.New("the name is empty"))
	}
	if len(s.Reads) == 0 {
		errs = append(errs, errors.New("it reads nothing"))
	}
	if s.State.Topic == "" || s.State.Version < 1 {
		errs = append(errs, errors.New("its state needs a topic and a version from 1"))
	}
	for _, r := range s.Reads {
		if r.Stage != "" && strings.HasPrefix(r.Topic, "^") {
			errs = append(errs, fmt.Errorf("input %s: a stage of its own needs a name, not a pattern", r.Topic))
		}
		if _, err := regexp.Compile(r.Topic); err != nil {
			errs = append(errs, fmt.Errorf("input %s: %w", r.Topic, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("check processor %q: %w", s.Name, err)
	}
	return nil
}

// patterns are the inputs as anchored regular expressions.
func (s Spec) patterns() []string {
	list := make([]string, len(s.Reads))
	for i, r := range s.Reads {
		list[i] = r.Topic
		if !strings.HasPrefix(r.Topic, "^") {
			list[i] = "^" + regexp.QuoteMeta(r.Topic) + "$"
		}
	}
	return list
}

// source finds the input that topic belongs to.
func (s Spec) source(topic string) (Source, bool) {
	for i, pattern := range s.patterns() {
		if ok, err := regexp.MatchString(pattern, topic); err == nil && ok {
			return s.Reads[i], true
		}
	}
	return Source{}, false
}

// copartitioned checks that inputs read by name have as many partitions: what
// they say of one key must meet. inputs has the partitions of those that exist.
func (s Spec) copartitioned(inputs map[string]int32) error {
	first := ""
	for _, r := range s.Reads {
		n, there := inputs[r.Topic]
		switch {
		case !there:
		case first == "":
			first = r.Topic
		case n != inputs[first]:
			return fatalf("start %s: %s has %d partitions and %s has %d: they must have as many, since what they say of a key must meet",
				s.Name, first, inputs[first], r.Topic, n)
		}
	}
	return nil
}

// asides are the stages of the inputs that are not counted under the
// processor's name.
func (s Spec) asides() map[string]string {
	stages := make(map[string]string)
	for _, r := range s.Reads {
		if r.Stage != "" && r.Stage != s.Name {
			stages[r.Topic] = r.Stage
		}
	}
	return stages
}

func (s Spec) sink(topic string) (Sink, bool) {
	i := slices.IndexFunc(s.Writes, func(w Sink) bool { return w.Topic == topic })
	if i < 0 {
		return Sink{}, false
	}
	return s.Writes[i], true
}
