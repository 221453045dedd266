package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// A transaction holds many records, and what the rule makes of them together is
// only known at its end: [Sealer.Seal] may panic, an output may not fit. The
// record that is to blame is found by doing the same records again in ever
// smaller transactions. The one that fails alone becomes a dead letter, the
// timer that fails alone is set aside, and the rest goes on.

// unit is one record or one timer of a partition.
type unit struct {
	topic  string
	offset int64
	timer  string // stored key of the entry that was woken
}

// sealError says that what a partition did in a transaction cannot be written
// as it is. Doing the same again would end the same.
type sealError struct{ reason string }

// Error is the reason.
func (e *sealError) Error() string { return e.reason }

func unsealable(format string, args ...any) error {
	return &sealError{fmt.Sprintf(format, args...)}
}

// suspects are what a partition did since the last commit, and those that were
// found to blame.
type suspects struct {
	n      int
	last   unit
	blamed map[unit]string // reasons
}

func (s *suspects) add(u unit) {
	s.n++
	s.last = u
}

// verdict is what was decided about the unit earlier.
func (s *suspects) verdict(u unit) (Verdict, bool) {
	reason, ok := s.blamed[u]
	return Verdict{deadLetter, RuleError, reason}, ok
}

// cannotSeal aborts a transaction that one partition cannot end.
func (t *task) cannotSeal(ctx context.Context, p *partition, cause error) error {
	var fault *sealError
	if !errors.As(cause, &fault) {
		return errors.Join(cause, t.abort(ctx, "error"))
	}
	suspected := p.suspects
	if err := t.abort(ctx, "isolate"); err != nil {
		return err
	}
	switch _, before := suspected.blamed[suspected.last]; {
	case suspected.n > 1:
		t.pace.narrow = max(suspected.n/2, 1)
		t.log.Warn("look for the record that cannot be written", "partition", p.number, "among", suspected.n, "err", firstLine(fault.reason))
	case suspected.n == 1 && !before:
		t.pace.narrow = 1
		if p.suspects.blamed == nil {
			p.suspects.blamed = make(map[unit]string)
		}
		p.suspects.blamed[suspected.last] = fault.reason
	default:
		t.stopNumber(p.number, stoppedUnwritable, fmt.Sprintf("%s on partition %d writes nothing that could be committed: %s: "+
			"a build that mends it goes on where this one stopped", t.spec.Name, p.number, firstLine(fault.reason)))
	}
	return nil
}

// stopNumber stops all inputs of a number, timers included.
func (t *task) stopNumber(number int32, reason, detail string) {
	one := &halt{reason: reason, detail: detail}
	for _, topic := range t.group.topics()[number] {
		t.halt(one, topicPartition{topic, number})
	}
	if p := t.parts[number]; p != nil {
		p.stopped = true
	}
}

// outagePause is how long a task waits when the brokers refuse what it writes.
const outagePause = time.Second

// refused aborts a transaction whose outputs the brokers did not take. Where
// that is for want of a topic, a right or a limit, only an operator can mend
// it: the task keeps its place in the group and tries again.
func (t *task) refused(ctx context.Context, cause error) error {
	err := t.abort(ctx, "refused")
	var refusal *kerr.Error
	if err != nil || !errors.As(cause, &refusal) {
		return errors.Join(cause, err)
	}
	switch refusal {
	case kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.PolicyViolation:
		t.log.Error("the brokers refuse what this task writes: nothing is lost, it tries again", "err", cause)
		_ = pause(ctx, outagePause)
		return nil
	default:
		return cause
	}
}
