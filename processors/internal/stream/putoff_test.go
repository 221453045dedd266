package stream

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// putOffRule wakes a key so many milliseconds after the receipt of its latest
// record as that says.
type putOffRule struct{ echoRule }

func (putOffRule) Apply(tx *Tx, in *Input) Verdict {
	due := in.Received.UnixMilli() + int64(binary.BigEndian.Uint64(in.Value))
	tx.Put(in.Key, binary.BigEndian.AppendUint64(nil, uint64(due)))
	if err := tx.Append("echoes", in.Key, &tally{Key: string(in.Key)}, nil); err != nil {
		return DeadLetter(RuleError, "%v", err)
	}
	return Applied
}

// Defends the idle task: a timer that was put off comes up, writes nothing, and
// leaves no transaction open that the broker would time out, and the task with it.
func TestTimerThatWritesNothingOpensNothing(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, echoSpec, 1, "raw.a")
	r := p.start(echoSpec, putOffRule{}, 0, nil)
	for n, delay := range []int{1_000, 3_600_000} {
		p.produce(number("raw.a", "a", delay))
		p.read("echoes", func(l []*kgo.Record) bool { return len(l) == n+1 })
	}
	eventually(t, "the early timer comes up", func() bool { return counterValue(t, r.t.metrics.punctuations) > 0 })
	described, err := kadm.NewClient(p.client).DescribeTransactions(t.Context(), instanceID(echoSpec.Name, "0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range described {
		if d.State == "Ongoing" {
			t.Errorf("a transaction is open since %s, and nobody will end it", time.UnixMilli(d.StartTimestamp).Format(time.TimeOnly))
		}
	}
}
