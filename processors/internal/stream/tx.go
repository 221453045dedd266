package stream

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Tx is what a rule may do within one transaction, on one partition: read and
// change its state, and write outputs. Nothing of it is seen by others before
// the transaction commits, and nothing of it remains when it aborts.
//
// State calls do not return errors: when the disk fails, reads come back empty
// and the transaction is aborted whatever the rule goes on to do.
type Tx struct {
	p  *partition
	in *Input // the record being handled; nil in Wake and Seal

	changes map[string]change // by stored key, the latest counts
	unsaved []string          // changed since batch last saw them
	batch   *pebble.Batch     // indexed; only made for ordered reads
	it      *pebble.Iterator  // over batch
	key     []byte            // scratch

	upserts map[string]*upsert // by topic and key
	order   []*upsert          // upserts as they first came
	appends []*kgo.Record      // of the record being handled

	undo  []step               // what the record being handled did, to take it back
	fired []dueEntry           // index entries that have come due
	woken map[string]time.Time // entries that were woken, and when they were due

	hurry    func() bool // of a query: a scan must end; else nil
	migrates bool        // it holds a part of a migration
	refused  error       // what the rule asked for that it may not
	err      error
}

// step is one thing that a record did to a transaction.
type step struct {
	key    string // state key that was changed, unless upsert is set
	before change
	had    bool // before is what this transaction had set already

	upsert *upsert // output that was set
	value  any     // what it was before
	first  bool    // it was not there before
}

// change is what happened to one key. A nil value is a deletion.
type change struct{ value []byte }

type upsert struct {
	sink  Sink
	key   []byte
	value any
	at    time.Time // receipt that the ledger counts it under
}

func newTx(p *partition) *Tx {
	return &Tx{p: p, changes: make(map[string]change), upserts: make(map[string]*upsert)}
}

// Partition is the number of the input partition.
func (tx *Tx) Partition() int32 { return tx.p.number }

// Clock is the partition's clock: the largest receipt time seen, or the wall
// clock while everything received has been processed. It never goes back while
// a task holds the partition.
func (tx *Tx) Clock() time.Time { return tx.p.clock }

// Secret is random, the same for the life of the partition's state, and known to
// nobody else: the key for hashes that a sender must not be able to aim.
func (tx *Tx) Secret() [16]byte { return tx.p.meta.secret }

// Get returns the value of key, nil when there is none. The value must not be
// changed.
func (tx *Tx) Get(key []byte) []byte {
	tx.key = ruleKey(tx.key, key)
	return tx.get(tx.key)
}

func (tx *Tx) get(stored []byte) []byte {
	if c, ok := tx.changes[string(stored)]; ok {
		return c.value
	}
	value, err := tx.p.read(stored)
	tx.fail(err)
	return value
}

// Put sets the value of key. Both are copied.
func (tx *Tx) Put(key, value []byte) {
	tx.key = ruleKey(tx.key, key)
	own := make([]byte, len(value)) // never nil, which would be a deletion
	copy(own, value)
	tx.change(string(tx.key), own)
}

// Delete removes key.
func (tx *Tx) Delete(key []byte) {
	tx.key = ruleKey(tx.key, key)
	tx.change(string(tx.key), nil)
}

func (tx *Tx) change(stored string, value []byte) {
	before, had := tx.changes[stored]
	tx.undo = append(tx.undo, step{key: stored, before: before, had: had})
	tx.changes[stored] = change{value}
	tx.unsaved = append(tx.unsaved, stored)
	if tx.in != nil {
		delete(tx.woken, stored) // what a record sets is another timer than the one that went off
	}
}

// Scan visits the keys in [from, to) in order. Keys and values are lent until
// the next step; a change of state ends the visit's view, so collect first.
func (tx *Tx) Scan(from, to []byte) iter.Seq2[[]byte, []byte] {
	lower, upper := ruleKey(nil, from), ruleKey(nil, to)
	return func(yield func(key, value []byte) bool) {
		it := tx.iterator()
		if it == nil {
			return
		}
		for ok := it.SeekGE(lower); ok && bytes.Compare(it.Key(), upper) < 0; ok = it.Next() {
			if tx.hurry != nil && tx.hurry() {
				tx.fail(errInterrupted)
				return
			}
			if !yield(it.Key()[1:], it.Value()) {
				return
			}
		}
		tx.fail(it.Error())
	}
}

// Last returns the entry with the greatest key in [from, to), nil when there is
// none. Key and value are lent until the next ordered read.
func (tx *Tx) Last(from, to []byte) (key, value []byte) {
	it := tx.iterator()
	if it == nil {
		return nil, nil
	}
	tx.key = ruleKey(tx.key, to)
	if !it.SeekLT(tx.key) {
		tx.fail(it.Error())
		return nil, nil
	}
	tx.key = ruleKey(tx.key, from)
	if bytes.Compare(it.Key(), tx.key) < 0 {
		return nil, nil
	}
	return it.Key()[1:], it.Value()
}

// Changed visits the keys with the prefix that this transaction set, in order.
func (tx *Tx) Changed(prefix []byte) iter.Seq2[[]byte, []byte] {
	stored := string(ruleKey(nil, prefix))
	return func(yield func(key, value []byte) bool) {
		var keys []string
		for key, c := range tx.changes {
			if c.value != nil && strings.HasPrefix(key, stored) {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		for _, key := range keys {
			if !yield([]byte(key[1:]), tx.changes[key].value) {
				return
			}
		}
	}
}

// iterator is over the state as this transaction has left it so far.
func (tx *Tx) iterator() *pebble.Iterator {
	if tx.p.store.snap != nil {
		return tx.snapshot()
	}
	if tx.batch == nil {
		tx.batch = tx.p.store.db.NewIndexedBatch()
	}
	for _, key := range tx.unsaved {
		if value := tx.changes[key].value; value != nil {
			tx.fail(tx.batch.Set([]byte(key), value, nil))
		} else {
			tx.fail(tx.batch.Delete([]byte(key), nil))
		}
	}
	opts := &pebble.IterOptions{LowerBound: []byte{spaceRule}, UpperBound: []byte{spaceRule + 1}}
	switch {
	case tx.it == nil:
		var err error
		tx.it, err = tx.batch.NewIter(opts)
		tx.fail(err)
	case len(tx.unsaved) > 0:
		tx.it.SetOptions(opts) // shows the iterator what the batch has gained
	}
	tx.unsaved = tx.unsaved[:0]
	return tx.it
}

// Upsert sets what the topic says about key: of several in one transaction only
// the last is written. A nil value is a tombstone. The value must not be
// changed afterwards.
func (tx *Tx) Upsert(topic string, key []byte, value any) {
	sink, ok := tx.p.spec.sink(topic)
	if !ok {
		tx.refused = fmt.Errorf("write %s: processor %s does not declare it", topic, tx.p.spec.Name)
		return
	}
	tx.upsert(sink, key, value)
}

func (tx *Tx) upsert(sink Sink, key []byte, value any) {
	id := upsertID(sink, key)
	at := tx.received()
	if u, ok := tx.upserts[id]; ok {
		tx.undo = append(tx.undo, step{upsert: u, value: u.value})
		u.value = value
		return
	}
	u := &upsert{sink: sink, key: bytes.Clone(key), value: value, at: at}
	tx.upserts[id] = u
	tx.order = append(tx.order, u)
	tx.undo = append(tx.undo, step{upsert: u, first: true})
}

// Append writes one record to the topic. Every one is written. An error means
// that the record cannot be written as it is, and nothing was. Wake and Seal,
// which return no verdict, need not look at it: what they did is then refused, as
// if they had panicked.
func (tx *Tx) Append(topic string, key []byte, value any, headers []kgo.RecordHeader) error {
	err := tx.add(topic, key, value, headers)
	if err != nil && tx.in == nil {
		tx.refused = err
	}
	return err
}

func (tx *Tx) add(topic string, key []byte, value any, headers []kgo.RecordHeader) error {
	sink, ok := tx.p.spec.sink(topic)
	if !ok {
		return fmt.Errorf("write %s: processor %s does not declare it", topic, tx.p.spec.Name)
	}
	r, err := tx.p.record(sink, bytes.Clone(key), value)
	if err != nil {
		return err
	}
	r.Headers = headers
	if sink.KeepsReceipt {
		r.Timestamp = tx.received()
	}
	if size := recordBytes(r); size > maxRecordBytes {
		return fmt.Errorf("write %s: the record would have %d bytes, at most %d are taken", topic, size, maxRecordBytes)
	}
	tx.appends = append(tx.appends, r)
	return nil
}

// received is the receipt time of what is being handled: the record's, or the
// clock that made it due or ends the transaction.
func (tx *Tx) received() time.Time {
	if tx.in != nil {
		return tx.in.Received
	}
	return tx.p.clock
}

// begin makes the next record or waking the one that rollback takes back.
func (tx *Tx) begin(in *Input) {
	tx.in = in
	tx.undo = tx.undo[:0]
	tx.appends = tx.appends[:0]
}

func (tx *Tx) rollback() {
	for _, s := range slices.Backward(tx.undo) {
		switch {
		case s.upsert == nil:
			tx.revert(s)
		case s.first:
			delete(tx.upserts, upsertID(s.upsert.sink, s.upsert.key))
			tx.order = slices.DeleteFunc(tx.order, func(o *upsert) bool { return o == s.upsert })
		default:
			s.upsert.value = s.value
		}
	}
	tx.undo = tx.undo[:0]
	tx.appends = tx.appends[:0]
}

// revert puts one key back. What the transaction had not set before is set to
// what is on disk, since the batch may hold the newer value.
func (tx *Tx) revert(s step) {
	if !s.had {
		value, err := tx.p.read([]byte(s.key))
		tx.fail(err)
		s.before = change{value}
	}
	tx.changes[s.key] = s.before
	tx.unsaved = append(tx.unsaved, s.key)
}

func upsertID(sink Sink, key []byte) string { return sink.Topic + "\x00" + string(key) }

func (tx *Tx) fail(err error) {
	if tx.err == nil {
		tx.err = err
	}
}

// close lets go of everything without a trace.
func (tx *Tx) close() error {
	var err error
	if tx.it != nil {
		err = tx.it.Close()
	}
	if tx.batch != nil {
		_ = tx.batch.Close() // never committed: nothing to lose
	}
	return err
}

// sorted are the changed keys in order, so that runs are alike.
func (tx *Tx) sorted() []string {
	return slices.Sorted(maps.Keys(tx.changes))
}
