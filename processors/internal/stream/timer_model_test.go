package stream

import (
	"encoding/binary"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// alarm is the state that an alarmRule keeps of a key.
type alarm struct {
	due  int64 // milliseconds
	more uint8 // how often it is put off before it is done
}

func (a alarm) encode() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(a.due)), a.more)
}

func parseAlarm(b []byte) alarm { return alarm{int64(binary.BigEndian.Uint64(b)), b[8]} }

// next is the alarm once it has been woken; none when it is done.
func (a alarm) next() (alarm, bool) { return alarm{a.due + 1_500, a.more - 1}, a.more > 0 }

// alarmRule sets a key's alarm to what the record says, or takes it back.
type alarmRule struct{ woken func(key string, a alarm) }

func (alarmRule) Apply(tx *Tx, in *Input) Verdict {
	if len(in.Value) == 0 {
		tx.Delete(in.Key)
	} else {
		tx.Put(in.Key, in.Value)
	}
	return Applied
}

func (alarmRule) Due(_, value []byte) (time.Time, bool) {
	return time.UnixMilli(parseAlarm(value).due), true
}

func (r alarmRule) Wake(tx *Tx, key, value []byte) {
	a := parseAlarm(value)
	r.woken(string(key), a)
	if later, ok := a.next(); ok {
		tx.Put(key, later.encode())
	} else {
		tx.Delete(key)
	}
	tx.fail(tx.Append("echoes", key, &tally{Key: string(key), Sum: a.due}, nil))
}

// alarms is the naive model: what is set, and what went off since the last commit.
type alarms struct {
	clock          time.Time
	set, committed map[string]alarm
	off            []tally
	wrong          func(format string, args ...any)
}

// woken is called as the rule is.
func (m *alarms) woken(key string, a alarm) {
	if want, ok := m.set[key]; !ok || want != a {
		m.wrong("%s goes off with %v, the model has %v", key, a, m.set)
	}
	if time.UnixMilli(a.due).After(m.clock) {
		m.wrong("%s goes off at %v, before it is due at %v", key, m.clock, a)
	}
	m.off = append(m.off, tally{Key: key, Sum: a.due})
	if later, ok := a.next(); ok {
		m.set[key] = later
	} else {
		delete(m.set, key)
	}
}

// commit ends the driver's transaction and holds what it wrote against the model.
func (m *alarms) commit(d *Driver) (went int) {
	outputs, err := d.Commit()
	if err != nil {
		m.wrong("commit: %v", err)
	}
	var wrote []tally
	for _, o := range outputs {
		if o.Topic != "echoes" {
			continue
		}
		var t tally
		if err := o.Decode(&t); err != nil {
			m.wrong("decode: %v", err)
		}
		wrote = append(wrote, t)
	}
	if diff := cmp.Diff(m.off, wrote); diff != "" {
		m.wrong("what went off and what was written (-model +have):\n%s", diff)
	}
	went, m.off, m.committed = len(m.off), nil, maps.Clone(m.set)
	return went
}

func (m *alarms) advance(d *Driver, to time.Time) {
	if to.After(m.clock) {
		m.clock = to
	}
	if err := d.Advance(to); err != nil {
		m.wrong("advance: %v", err)
	}
	if !d.Clock().Equal(m.clock) {
		m.wrong("the clock is at %v, the model's at %v", d.Clock(), m.clock)
	}
}

// settle lets everything go off that is due.
func (m *alarms) settle(d *Driver) {
	for m.commit(d); ; {
		m.advance(d, m.clock)
		if m.commit(d) == 0 {
			break
		}
	}
	for key, a := range m.set {
		if !time.UnixMilli(a.due).After(m.clock) {
			m.wrong("%s, due at %v, does not go off at %v", key, a, m.clock)
		}
	}
}

// Defends timers and the clock against a naive model, over any order of records
// that set, move and take back timers, to times past and to come, of a clock that
// goes on, of commits, aborts and restarts: none goes off before its time, none
// that was moved or taken back, each once, and all that is due with the next turn.
func TestTimersFollowTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		begun := time.UnixMilli(1_700_000_000_000)
		m := &alarms{set: map[string]alarm{}, committed: map[string]alarm{}, wrong: rt.Fatalf}
		d, err := NewDriver(echoSpec, alarmRule{m.woken}, nil, 0)
		if err != nil {
			rt.Fatal(err)
		}
		moment := rapid.Int64Range(0, 20_000)
		feed := func(rt *rapid.T, value []byte) string {
			key := string(rune('a' + rapid.IntRange(0, 3).Draw(rt, "key")))
			at := begun.Add(time.Duration(moment.Draw(rt, "received")) * time.Millisecond)
			if at.After(m.clock) {
				m.clock = at
			}
			if _, err := d.Feed(Input{Topic: "raw.a", Key: []byte(key), Value: value, Received: at}); err != nil {
				rt.Fatal(err)
			}
			return key
		}
		rt.Repeat(map[string]func(*rapid.T){
			"set": func(rt *rapid.T) {
				due := rapid.OneOf(moment, rapid.SampledFrom([]int64{5_000, 10_000})) // some at one time
				a := alarm{begun.UnixMilli() + due.Draw(rt, "due"), uint8(rapid.IntRange(0, 2).Draw(rt, "more"))}
				m.set[feed(rt, a.encode())] = a
			},
			"take back": func(rt *rapid.T) { delete(m.set, feed(rt, nil)) },
			"advance": func(rt *rapid.T) {
				m.advance(d, begun.Add(time.Duration(moment.Draw(rt, "to"))*time.Millisecond))
			},
			"commit": func(*rapid.T) { m.commit(d) },
			"settle": func(*rapid.T) { m.settle(d) },
			"abort": func(rt *rapid.T) {
				if err := d.Abort(); err != nil {
					rt.Fatal(err)
				}
				m.set, m.off = maps.Clone(m.committed), nil
			},
			"restart": func(rt *rapid.T) {
				if err := d.Restart(); err != nil {
					rt.Fatal(err)
				}
				m.set, m.off = maps.Clone(m.committed), nil
			},
		})
		m.settle(d)
		m.advance(d, begun.Add(time.Minute))
		m.settle(d)
		if err := d.Close(); err != nil {
			rt.Error(err)
		}
		if left := slices.Sorted(maps.Keys(m.set)); len(left) > 0 {
			rt.Fatalf("%v never went off", left)
		}
	})
}

// Defends the moment of a timer that a record sets in the transaction in which an
// earlier timer of its key went off, to a time that the clock has passed already:
// it goes off with the next turn, as one that a rule fails to put off does not.
func TestTimerSetBehindTheClockGoesOffAtOnce(t *testing.T) {
	t.Parallel()
	begun := time.UnixMilli(1_700_000_000_000)
	m := &alarms{clock: begun, set: map[string]alarm{}, wrong: t.Fatalf}
	d, err := NewDriver(echoSpec, alarmRule{m.woken}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	set := func(received, due time.Time) {
		a := alarm{due: due.UnixMilli()}
		m.set["a"] = a
		if _, err := d.Feed(Input{Topic: "raw.a", Key: []byte("a"), Value: a.encode(), Received: received}); err != nil {
			t.Fatal(err)
		}
	}
	set(begun, begun.Add(time.Second))
	m.commit(d)
	m.advance(d, begun.Add(3*time.Second))
	set(begun.Add(2*time.Second), begun.Add(2500*time.Millisecond))
	if went := m.commit(d); went != 1 {
		t.Fatalf("%d timers went off, want the first", went)
	}
	m.advance(d, begun.Add(3*time.Second))
	if went := m.commit(d); went != 1 {
		t.Errorf("%d timers went off, want the second, without the clock going on", went)
	}
}
