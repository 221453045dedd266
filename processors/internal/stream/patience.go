package stream

import (
	"context"
	"sync/atomic"
	"time"
)

// patience says how long an unknown type or schema may still turn up before its
// records are dead letters: the registry and the catalogue reach this task by
// another way than the record did.
type patience struct {
	limits map[Class]time.Duration
	since  map[string]time.Time // by verdict, when it was first given
	vain   map[string]vain      // by topic
}

// vain is how often in a row a topic's records were waited for in vain.
type vain struct {
	times int
	last  time.Time
}

// vainFor is how long waiting in vain makes the next wait shorter.
const vainFor = 10 * time.Minute

// cataloguePatience is how long the catalogue, or another subject of a known
// schema, may lag behind a record. Both are written before what they declare.
const cataloguePatience = 3 * time.Second

// maxPatience bounds the memory that made-up types and ids can take.
const maxPatience = 10_000

func newPatience(limit time.Duration) *patience {
	return &patience{
		limits: map[Class]time.Duration{
			UnknownSchema: limit, UnknownType: min(limit, cataloguePatience), WrongSubject: min(limit, cataloguePatience),
		},
		since: make(map[string]time.Time),
		vain:  make(map[string]vain),
	}
}

func patienceKey(v Verdict) string { return string(v.class) + "\x00" + v.reason }

// until is when the verdict is to be taken as it is; zero when it is one that
// time does not change. Each wait in vain halves the next one on the topic, or
// a producer of made-up ids would stop it: all of them together take twice the
// first.
func (p *patience) until(topic string, v Verdict, now time.Time) time.Time {
	limit, ok := p.limits[v.class]
	if !ok {
		return time.Time{}
	}
	key := patienceKey(v)
	first, known := p.since[key]
	if !known {
		if len(p.since) >= maxPatience {
			clear(p.since)
		}
		p.since[key], first = now, now
	}
	if v := p.vain[topic]; now.Sub(v.last) < vainFor {
		limit >>= min(v.times, 30)
	}
	return first.Add(limit)
}

// wait says whether the record should be tried again.
func (p *patience) wait(topic string, v Verdict, now time.Time) bool {
	until := p.until(topic, v, now)
	if until.IsZero() {
		return false
	}
	if now.Before(until) {
		return true
	}
	if !p.since[patienceKey(v)].IsZero() {
		p.since[patienceKey(v)] = time.Time{} // the next of the kind does not wait
		p.vain[topic] = vain{p.vain[topic].times + 1, now}
	}
	return false
}

// again is a record that must be tried again later. The transaction is aborted
// for it, and its partition alone is held.
type again struct {
	topicPartition

	halt *halt
}

// waiting makes the halt of a record that must be tried again. It goes on when
// what it asked for has an answer, else by the clock.
func (t *task) waiting(in *Input, v Verdict) *halt {
	ctx, end := context.WithCancel(t.group.ctx)
	h := &halt{reason: heldDependency, detail: v.reason, end: end}
	if v.class != "" {
		h.reason = string(v.class)
	}
	next := time.Now().Add(t.backoff(in))
	h.retry = func(now time.Time) bool { return !now.Before(next) }
	if v.class == WrongSubject {
		t.lookups.doubt()
	}
	if len(t.lookups.missed) == 0 {
		return h
	}
	if v.class == "" {
		h.reason = heldRegistry
	}
	state := t.lookups.follow(ctx, t.lookups.missed[len(t.lookups.missed)-1])
	h.retry = t.answered(in.Topic, v, state)
	return h
}

// tried is how often in a row one record of a partition was tried again.
type tried struct {
	offset int64
	wait   time.Duration
}

// backoff is how long to wait before the record is tried again by the clock.
func (t *task) backoff(in *Input) time.Duration {
	tp := topicPartition{in.Topic, in.Partition}
	before := t.tries[tp]
	if before.offset != in.Offset {
		before = tried{offset: in.Offset}
	}
	before.wait = min(max(2*before.wait, firstBackoff), longestBackoff)
	t.tries[tp] = before
	return before.wait
}

const (
	firstBackoff   = 250 * time.Millisecond
	longestBackoff = 5 * time.Second
)

// answered says when a question that was followed lets its partition go on.
// While the registry does not know what it must know, an unknown id is not held
// against the record: its patience begins when the registry is back.
func (t *task) answered(topic string, v Verdict, state *atomic.Int32) func(time.Time) bool {
	away := false
	return func(now time.Time) bool {
		switch state.Load() {
		case found:
			delete(t.patience.vain, topic)
			return true
		case denied:
			if v.class == "" {
				return true // it answers again; what it says is the next try's
			}
			if away {
				away = false
				t.patience.since[patienceKey(v)] = now
			}
			return !now.Before(t.patience.until(topic, v, now))
		case unreachable:
			away = true
		}
		return false
	}
}
