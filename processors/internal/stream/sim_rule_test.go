package stream

import (
	"encoding/binary"
	"time"
)

// simSpec is the processor that is simulated: state with deletions, timers,
// appended and coalesced outputs, dead letters.
var simSpec = Spec{
	Name:  "sim",
	Reads: []Source{{Topic: `^raw\.`}},
	Writes: []Sink{
		{Topic: "copies", Schema: tallySchema, SamePartition: true, KeepsReceipt: true},
		{Topic: "runs", Schema: tallySchema, SamePartition: true},
		{Topic: "tallies", Schema: tallySchema, SamePartition: true},
	},
	State: State{Topic: "state.sim", Version: 1},
}

// runGap is how long after a key's last record its run is closed.
const runGap = 700 * time.Millisecond

// simRule folds the values of each key into a hash that depends on their order,
// and closes a run of records when no more come. Its copies carry the fold so
// far, so what a rule met by wrong state does is seen in the next copy.
type simRule struct {
	hook    func()            // at each record, where a frozen process stands still
	retries func(*Input) bool // it lacks something for the record; nil for never
}

func (r simRule) Apply(tx *Tx, in *Input) Verdict {
	r.hook()
	if r.retries != nil && r.retries(in) {
		return Retry("told to")
	}
	if len(in.Value) != 8 {
		tx.Put(append([]byte("t/"), in.Key...), in.Value) // to be rolled back
		return DeadLetter(BadPayload, "%d bytes are no number", len(in.Value))
	}
	value := int64(binary.BigEndian.Uint64(in.Value))
	total, run := append([]byte("t/"), in.Key...), append([]byte("r/"), in.Key...)
	t := parseTally(string(in.Key), tx.Get(total))
	t.Count, t.Sum = t.Count+1, fold(t.Sum, value)
	tx.Put(total, t.encode())
	tx.Put(run, simRun{due: tx.Clock().Add(runGap), count: parseSimRun(tx.Get(run)).count + 1, last: t.Count}.encode())
	tx.Upsert("tallies", in.Key, &t)
	if err := tx.Append("copies", in.Key, &t, nil); err != nil {
		return DeadLetter(RuleError, "%v", err)
	}
	return Applied
}

func fold(hash, value int64) int64 { return hash*1_000_003 + value }

func (simRule) Due(key, value []byte) (time.Time, bool) {
	if key[0] != 'r' {
		return time.Time{}, false
	}
	return parseSimRun(value).due, true
}

func (r simRule) Wake(tx *Tx, key, value []byte) {
	r.hook()
	run := parseSimRun(value)
	tx.Delete(key)
	tx.fail(tx.Append("runs", key[2:], &tally{string(key[2:]), run.count, run.last}, nil))
}

// simRun is a run that is open: count records, the last of which is the key's
// last-th.
type simRun struct {
	due         time.Time
	count, last int64
}

func (s simRun) encode() []byte {
	b := binary.AppendVarint(nil, s.due.UnixMilli())
	return binary.AppendVarint(binary.AppendVarint(b, s.count), s.last)
}

func parseSimRun(b []byte) simRun {
	if b == nil {
		return simRun{}
	}
	var at [3]int64
	for i := range at {
		v, n := binary.Varint(b)
		at[i], b = v, b[n:]
	}
	return simRun{time.UnixMilli(at[0]), at[1], at[2]}
}
