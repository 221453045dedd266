package stream

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

// verdict on one run. The model is the inputs themselves, folded by a plain
// loop: it shares no code with the runtime but how a record is decoded.
type model struct {
	values map[string][]int64        // by key, in the order of the log
	poison map[string]int            // "topic/partition/offset", seen in the dead letters
	minute map[string]*ledgerLine    // by ledger key, what must have come in
	states map[int32]map[string]bool // keys of each partition
}

type ledgerLine struct {
	In, Applied, Duplicate, Late, Out int64
	Dead                              map[string]int64 `json:"dead_lettered"`
}

// damage lists everything that is wrong with what the topics hold.
func (v *view) damage() []string {
	all := v.all()
	m := newModel(slices.Concat(all["raw.a"], all["raw.b"]))
	var found []string
	wrong := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	m.checkCopies(v, all["copies"], wrong)
	m.checkRuns(v, all["runs"], wrong)
	m.checkTallies(v, all["tallies"], wrong)
	m.checkDead(all[DeadLetterTopic], wrong)
	m.checkLedger(all, wrong)
	m.checkState(all[simSpec.State.Topic], wrong)
	return found
}

func newModel(inputs []*kgo.Record) *model {
	m := &model{values: make(map[string][]int64), poison: make(map[string]int), minute: make(map[string]*ledgerLine), states: make(map[int32]map[string]bool)}
	for _, r := range inputs {
		at := fmt.Sprintf("%s/%d/%s", simSpec.Name, r.Partition, r.Timestamp.UTC().Truncate(time.Minute).Format(time.RFC3339))
		line := m.minute[at]
		if line == nil {
			line = &ledgerLine{Dead: make(map[string]int64)}
			m.minute[at] = line
		}
		line.In++
		if len(r.Value) != 8 {
			line.Dead[string(BadPayload)]++
			m.poison[fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset)] = 0
			continue
		}
		line.Applied++
		if m.states[r.Partition] == nil {
			m.states[r.Partition] = make(map[string]bool)
		}
		m.states[r.Partition][string(r.Key)] = true
		m.values[string(r.Key)] = append(m.values[string(r.Key)], int64(binary.BigEndian.Uint64(r.Value)))
	}
	return m
}

type complain func(format string, args ...any)

// checkCopies: each record once, in order, met by the state of those before it.
func (m *model) checkCopies(v *view, copies []*kgo.Record, wrong complain) {
	have := make(map[string][]tally)
	for _, r := range copies {
		t, err := v.tally(r)
		if err != nil {
			wrong("decode copy: %v", err)
		}
		have[t.Key] = append(have[t.Key], t)
	}
	for key, values := range m.values {
		want, hash := make([]tally, len(values)), int64(0)
		for i, value := range values {
			hash = fold(hash, value)
			want[i] = tally{key, int64(i + 1), hash}
		}
		if !slices.Equal(have[key], want) {
			wrong("copies of %s: %s", key, firstDifference(have[key], want))
		}
	}
	for key := range have {
		if m.values[key] == nil {
			wrong("copies of %s, which was never written", key)
		}
	}
}

func firstDifference(have, want []tally) string {
	for i := range min(len(have), len(want)) {
		if have[i] != want[i] {
			return fmt.Sprintf("record %d of %d is %+v, want %+v (of %d)", i, len(have), have[i], want[i], len(want))
		}
	}
	return fmt.Sprintf("%d records, want %d", len(have), len(want))
}

// checkRuns: the runs of a key follow on each other without gap or overlap.
func (m *model) checkRuns(v *view, runs []*kgo.Record, wrong complain) {
	last := make(map[string]int64)
	for _, r := range runs {
		t, err := v.tally(r)
		if err != nil {
			wrong("decode run: %v", err)
		}
		if t.Sum-t.Count != last[t.Key] {
			wrong("run of %s has %d records up to %d, the one before ended at %d", t.Key, t.Count, t.Sum, last[t.Key])
		}
		last[t.Key] = t.Sum
	}
	for key, values := range m.values {
		if last[key] != int64(len(values)) {
			wrong("runs of %s end at %d, want %d", key, last[key], len(values))
		}
	}
}

func (m *model) final(key string) tally {
	t := tally{Key: key, Count: int64(len(m.values[key]))}
	for _, value := range m.values[key] {
		t.Sum = fold(t.Sum, value)
	}
	return t
}

func (m *model) checkTallies(v *view, tallies []*kgo.Record, wrong complain) {
	last := make(map[string]tally)
	for _, r := range tallies {
		t, err := v.tally(r)
		if err != nil {
			wrong("decode tally: %v", err)
		}
		if t.Count <= last[t.Key].Count {
			wrong("tally of %s goes from %d to %d", t.Key, last[t.Key].Count, t.Count)
		}
		last[t.Key] = t
	}
	for key := range m.values {
		if last[key] != m.final(key) {
			wrong("last tally of %s is %+v, want %+v", key, last[key], m.final(key))
		}
	}
}

// checkDead: each poisoned record is a dead letter once, nothing else is.
func (m *model) checkDead(dead []*kgo.Record, wrong complain) {
	for _, r := range dead {
		have := make(map[string]string)
		for _, h := range r.Headers {
			have[h.Key] = string(h.Value)
		}
		at := have[headerTopic] + "/" + have[headerPartition] + "/" + have[headerOffset]
		if _, ok := m.poison[at]; !ok {
			wrong("dead letter of %s, which was sound: %s", at, have[headerReason])
		}
		m.poison[at]++
	}
	for at, n := range m.poison {
		if n != 1 {
			wrong("%s is a dead letter %d times", at, n)
		}
	}
}

// checkLedger: each minute's line says what came in and what became of it, and
// all lines together what went out.
func (m *model) checkLedger(all map[string][]*kgo.Record, wrong complain) {
	lines := make(map[string]ledgerLine)
	for _, r := range all[LedgerTopic] {
		var line ledgerLine
		if err := json.Unmarshal(r.Value, &line); err != nil {
			wrong("decode ledger: %v", err)
		}
		lines[string(r.Key)] = line
	}
	out := int64(0)
	for key, line := range lines {
		out += line.Out
		line.Out = 0
		want, ok := m.minute[key]
		if !ok {
			want = &ledgerLine{Dead: make(map[string]int64)} // a minute in which only timers fired
		}
		if diff := cmp.Diff(*want, line); diff != "" {
			wrong("ledger %s (-want +have):\n%s", key, diff)
		}
	}
	for key := range m.minute {
		if _, ok := lines[key]; !ok {
			wrong("ledger has no line %s", key)
		}
	}
	if n := len(all["copies"]) + len(all["runs"]) + len(all["tallies"]); out != int64(n) {
		wrong("the ledger says that %d records went out, there are %d", out, n)
	}
}

// checkState: the changelog is the fold of the inputs.
func (m *model) checkState(changelog []*kgo.Record, wrong complain) {
	for number := range int32(simPartitions) {
		have := make(map[string]string)
		for key, value := range foldLog(changelog, number, endOfLog) {
			if key[0] == spaceRule {
				have[key[1:]] = value
			}
		}
		want := make(map[string]string)
		for key := range m.states[number] {
			want["t/"+key] = string(m.final(key).encode())
		}
		if !maps.Equal(have, want) {
			wrong("state %d (-want +have):\n%s", number, cmp.Diff(want, have))
		}
	}
}

const endOfLog = 1 << 62

// foldLog is what the changelog of a partition says, up to an offset.
func foldLog(changelog []*kgo.Record, number int32, next int64) map[string]string {
	state := make(map[string]string)
	for _, r := range changelog {
		switch {
		case r.Partition != number || r.Offset >= next:
		case r.Value == nil:
			delete(state, string(r.Key))
		default:
			state[string(r.Key)] = string(r.Value)
		}
	}
	return state
}

// checkDisk holds every directory, those that nobody has used for long too,
// against the changelog up to the position that it says it has.
func checkDisk(disk vfs.FS, changelog []*kgo.Record, wrong complain) {
	dirs, err := disk.List("/state")
	if err != nil {
		return // it never had a partition
	}
	for _, dir := range dirs {
		if strings.HasPrefix(dir, "member.") {
			continue // of [membership]
		}
		var number int32
		if _, err := fmt.Sscanf(strings.SplitN(dir, ".", 2)[0], "%d", &number); err != nil {
			wrong("directory %s: %v", dir, err)
			continue
		}
		s, err := openStore(disk, disk.PathJoin("/state", dir))
		if errors.Is(err, errUnusable) {
			continue // a power cut may leave that; it is dropped and restored
		}
		if err != nil {
			wrong("open %s: %v", dir, err)
			continue
		}
		if s.local != (localMeta{}) {
			checkStore(s, foldLog(changelog, number, s.local.next), wrong)
		}
		if err := s.close(); err != nil {
			wrong("close %s: %v", dir, err)
		}
	}
}

// checkStore holds a store against what it should have, and its timers' index
// against its entries.
func checkStore(s *store, want map[string]string, wrong complain) {
	have := make(map[string]string)
	indexed := make(map[string]time.Time)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{spaceRule}})
	if err != nil {
		wrong("read %s: %v", s.dir, err)
		return
	}
	for ok := it.First(); ok; ok = it.Next() {
		if it.Key()[0] != spaceDue {
			have[string(it.Key())] = string(it.Value())
			continue
		}
		due := parseDueKey(it.Key())
		for _, stored := range readDueEntry(it.Key(), it.Value()).keys {
			if before, ok := indexed[string(stored)]; !ok || due.Before(before) {
				indexed[string(stored)] = due
			}
		}
	}
	if err := it.Close(); err != nil {
		wrong("read %s: %v", s.dir, err)
	}
	if !maps.Equal(have, want) {
		wrong("directory %s at %d (-want +have):\n%s", s.dir, s.local.next, cmp.Diff(want, have))
	}
	for stored, value := range have {
		due, ok := dueOf(simRule{}, []byte(stored), []byte(value))
		if at, armed := indexed[stored]; ok && (!armed || at.After(due)) {
			wrong("directory %s: %q is due at %s and indexed at %s", s.dir, stored, due, at)
		}
	}
}
