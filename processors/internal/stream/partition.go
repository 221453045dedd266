package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/twmb/franz-go/pkg/kgo"
)

// partition is one partition number of a task: the rule, its state, its clock
// and its part of the transaction that is open. It knows nothing of the group
// and sends nothing itself, so that the test driver can run it alone.
type partition struct {
	number int32
	spec   Spec
	rule   Rule
	waker  Waker
	sealer Sealer
	codecs *codecs
	store  *store
	send   func(*kgo.Record)             // takes a record of the open transaction
	judge  func(*Input, Verdict) Verdict // may turn a dead letter into a retry; nil for never

	stopped  bool // an operator has to act: nothing of it is woken
	suspects suspects

	onPark            func(stored []byte, v Verdict) // a timer was set aside; nil to tell nobody
	parks, parksKnown bool                           // any timer may be set aside

	clock   time.Time
	nextDue time.Time // nothing is due before; zero when unknown
	meta    stateMeta
	tx      *Tx // nil while nothing has happened since the last commit
	ledgers ledgers
	asides  map[string]string // stage by input, where it is not the processor's

	metaBefore *stateMeta // what a part of a migration that is not committed began at
	held       bool       // its inputs are paused until the state is migrated

	cache cache // committed values
}

// anyPartition lets the hash of the key choose.
const anyPartition = -1

func newPartition(number int32, spec Spec, rule Rule, c *codecs, s *store) *partition {
	p := &partition{number: number, spec: spec, rule: rule, codecs: c, store: s, asides: spec.asides(), cache: newCache(defaultCacheBytes)}
	p.waker, _ = rule.(Waker)
	p.sealer, _ = rule.(Sealer)
	return p
}

// read returns a committed value, nil when there is none.
func (p *partition) read(stored []byte) ([]byte, error) {
	if value := p.cache.get(stored); value != nil {
		return value, nil
	}
	value, err := p.store.get(stored)
	if value != nil {
		p.cache.put(string(stored), value)
	}
	return value, err
}

// advance moves the clock, never back.
func (p *partition) advance(to time.Time) {
	if to.After(p.clock) {
		p.clock = to
	}
}

// open is the partition's part of the transaction, begun where needed.
func (p *partition) open() *Tx {
	if p.tx == nil {
		p.tx = newTx(p)
	}
	return p.tx
}

// apply hands one record to the rule and accounts for it. A verdict of Retry
// means that nothing happened. The error is one of the state, never the rule's.
func (p *partition) apply(in *Input) (Verdict, error) {
	p.advance(in.Received)
	in.codecs = p.codecs
	tx := p.open()
	tx.begin(in)
	u := unit{topic: in.Topic, offset: in.Offset}
	v, known := p.suspects.verdict(u)
	if !known {
		v = p.call(tx, func() Verdict { return p.rule.Apply(tx, in) })
	}
	if p.judge != nil {
		v = p.judge(in, v)
	}
	if tx.err != nil {
		return v, tx.err
	}
	switch v.outcome {
	case retry:
		tx.rollback()
		return v, nil // it is not one of the transaction's
	case deadLetter:
		tx.rollback()
		tx.appends = append(tx.appends, deadLetterRecord(p.spec.Name, in, v, time.Now()))
	default:
	}
	p.suspects.add(u)
	if stage := p.aside(in.Topic); stage != "" {
		p.ledgers.aside(stage, in.Received).add(v)
	} else {
		p.ledgers.minute(in.Received).add(v)
	}
	if in.ImportID != "" {
		p.ledgers.importRun(in.ImportID).add(v)
	}
	p.flushAppends(tx, in.Received, v)
	return v, nil
}

// aside is the stage that counts the topic's records, empty for the processor's.
func (p *partition) aside(topic string) string {
	if len(p.asides) == 0 {
		return ""
	}
	return p.asides[topic]
}

func (p *partition) flushAppends(tx *Tx, at time.Time, v Verdict) {
	for _, r := range tx.appends {
		if v.outcome != deadLetter {
			p.ledgers.minute(at).out++
		}
		p.send(r)
	}
	tx.appends = tx.appends[:0]
}

// call runs the rule and makes a dead letter of its panic: a bug that one record
// meets must not stop all others.
func (p *partition) call(tx *Tx, f func() Verdict) (v Verdict) {
	defer func() {
		if tx.refused != nil {
			v = DeadLetter(RuleError, "%v", tx.refused)
			tx.refused = nil
		}
	}()
	defer func() {
		if cause := recover(); cause != nil {
			v = DeadLetter(RuleError, "the rule panicked: %v\n%s", cause, debug.Stack())
		}
	}()
	return f()
}

// record renders an output.
func (p *partition) record(sink Sink, key []byte, value any) (*kgo.Record, error) {
	encoded, err := p.codecs.encode(sink.Topic, value)
	if err != nil {
		return nil, err
	}
	r := &kgo.Record{Topic: sink.Topic, Partition: anyPartition, Key: key, Value: encoded}
	if sink.SamePartition {
		r.Partition = p.number
	}
	return r, nil
}

// seal ends the rule's part of the transaction: it sends the coalesced outputs,
// the ledger, and through changelog the changes of state.
func (p *partition) seal(changelog func(*kgo.Record)) error {
	tx := p.tx
	tx.begin(nil)
	if p.sealer != nil {
		if v := p.call(tx, func() Verdict { p.sealer.Seal(tx); return Applied }); !v.OK() {
			return unsealable("seal: %s", v.reason)
		}
		p.flushAppends(tx, p.clock, Applied)
	}
	for _, u := range tx.order {
		p.ledgers.minute(u.at).out++
	}
	p.writeLedgers(tx)
	if err := p.writeMeta(tx); err != nil {
		return err
	}
	for _, u := range tx.order {
		r, err := p.record(u.sink, u.key, u.value)
		if err != nil {
			return unsealable("%v", err)
		}
		if size := recordBytes(r); size > maxRecordBytes {
			return unsealable("write %s: the record of key %q would have %d bytes, at most %d are taken", r.Topic, r.Key, size, maxRecordBytes)
		}
		p.send(r)
	}
	for _, key := range tx.sorted() {
		value := tx.changes[key].value
		if value == nil && p.spec.State.Expires && key[0] == spaceRule && !tx.migrates {
			continue // the topic forgets it by age
		}
		if size := len(key) + len(value); size > maxRecordBytes {
			return unsealable("write %s: the entry of key %q would have %d bytes, at most %d are taken", p.spec.State.Topic, key[1:], size, maxRecordBytes)
		}
		changelog(&kgo.Record{Topic: p.spec.State.Topic, Partition: p.number, Key: []byte(key), Value: value})
	}
	return tx.err
}

// commit applies the transaction, now that Kafka has it, to the disk. next is
// the first changelog offset after its own.
func (p *partition) commit(next int64, now time.Time) error {
	tx := p.tx
	batch := p.store.db.NewBatch()
	p.metaBefore = nil
	meta := p.store.local
	meta.next, meta.appliedAt = max(meta.next, next), now
	err := p.fill(batch, tx, &meta)
	if err == nil {
		err = p.store.commit(batch, meta)
	}
	for key, c := range tx.changes {
		if c.value == nil {
			p.cache.remove(key)
		} else {
			p.cache.put(key, c.value)
		}
	}
	p.tx = nil
	p.suspects = suspects{}
	if closeErr := tx.close(); err == nil {
		err = closeErr
	}
	return err
}

// fill writes the changes in the order of their keys, which costs Pebble less.
func (p *partition) fill(batch *pebble.Batch, tx *Tx, meta *localMeta) (err error) {
	var due dueList
	for _, key := range tx.sorted() {
		stored, value := []byte(key), tx.changes[key].value
		p.index(&due, stored, value)
		if value == nil {
			err = batch.Delete(stored, nil)
		} else {
			err = batch.Set(stored, value, nil)
		}
		if err != nil {
			return err
		}
	}
	if err = p.reindex(batch, tx, &due); err != nil {
		return err
	}
	meta.dueEntries, err = due.write(batch, meta.dueEntries)
	return err
}

// discard forgets the transaction without a trace.
func (p *partition) discard() error {
	p.ledgers = ledgers{}
	p.nextDue = time.Time{}
	p.suspects.n = 0
	if p.tx == nil {
		return nil
	}
	if p.metaBefore != nil {
		p.meta, p.metaBefore = *p.metaBefore, nil
	}
	if _, ok := p.tx.changes[runtimeKey(keyMeta, "")]; ok {
		p.meta.dirty = true
	}
	err := p.tx.close()
	p.tx = nil
	return err
}

// stateMeta says what the state was made with. It is part of the state.
type stateMeta struct {
	Version int              `json:"version"` // of the rule's state
	Key     []byte           `json:"key"`     // [Tx.Secret]
	Inputs  map[string]int32 `json:"inputs"`  // partitions of each input topic
	Written time.Time        `json:"written"`
	// Migrating is set while the state is on its way to another version.
	Migrating *migration `json:"migrating,omitempty"`

	secret [16]byte
	dirty  bool
}

// metaEvery renews the meta record, so that it outlives a state topic that
// deletes by age.
const metaEvery = time.Hour

func (p *partition) writeMeta(tx *Tx) error {
	if !p.meta.dirty && p.clock.Sub(p.meta.Written) < metaEvery {
		return nil
	}
	p.meta.Written = p.clock
	value, err := json.Marshal(p.meta)
	if err != nil {
		return fmt.Errorf("write what the state was made with: %w", err)
	}
	tx.change(runtimeKey(keyMeta, ""), bytes.Clone(value))
	p.meta.dirty = false
	return nil
}
