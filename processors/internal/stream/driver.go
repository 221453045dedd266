package stream

import (
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// Driver runs a rule on one partition in simulated time, without Kafka: the
// same state, transactions, timers and ledger as in a task, with the caller in
// the place of the brokers and the clock. It is for tests.
type Driver struct {
	p         *partition
	fs        *vfs.MemFS
	lookups   Lookups
	sent      []*kgo.Record
	changelog []*kgo.Record // committed
	logging   []*kgo.Record // of the open transaction
}

// Output is one record that a rule's transaction wrote.
type Output struct {
	Topic     string
	Partition int32 // -1 where the key decides
	Key       string
	Value     []byte // nil for a tombstone
	Headers   []kgo.RecordHeader
	Timestamp time.Time // zero where the time of writing is meant

	schema *event.Schema
}

// Decode reads an Avro output into a generated struct.
func (o Output) Decode(into any) error {
	if o.schema == nil {
		return fmt.Errorf("decode output of %s: the Spec gives it no schema", o.Topic)
	}
	return o.schema.Decode(o.Value, into)
}

// Input is the output as another rule, or the same, reads it. now stands for the
// time of writing where that is the timestamp.
func (o Output) Input(now time.Time) Input {
	if !o.Timestamp.IsZero() {
		now = o.Timestamp
	}
	return Input{Topic: o.Topic, Key: []byte(o.Key), Value: o.Value, Headers: o.Headers, Received: now}
}

// Header is the value of the output's header, empty when it has none.
func (o Output) Header(key string) string {
	for _, h := range o.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// DriverSchemaID is the id under which drivers write and read the schema of a
// topic's values: the same in all, so that one processor's outputs are another's
// inputs.
func DriverSchemaID(topic string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(topic)) // never fails
	return 1000 + int(h.Sum32()>>2)
}

// NewDriver makes a driver for the partition with that number.
func NewDriver(spec Spec, rule Rule, lookups Lookups, number int32) (*Driver, error) {
	ids := make(map[string]int)
	for _, w := range spec.Writes {
		ids[w.Topic] = DriverSchemaID(w.Topic)
	}
	c, err := newCodecs(spec, ids)
	if err != nil {
		return nil, err
	}
	d := &Driver{lookups: lookups}
	d.p = newPartition(number, spec, rule, c, nil)
	return d, d.mount()
}

func (d *Driver) mount() error {
	d.fs = vfs.NewMem()
	s, err := openStore(d.fs, "state")
	if err != nil {
		return err
	}
	p := newPartition(d.p.number, d.p.spec, d.p.rule, d.p.codecs, s)
	p.clock = d.p.clock
	p.send = func(r *kgo.Record) { d.sent = append(d.sent, r) }
	p.meta = stateMeta{Version: p.spec.State.Version, Key: make([]byte, 16), Inputs: map[string]int32{}, dirty: true}
	d.p = p
	return nil
}

// Feed hands one record to the rule in the open transaction.
func (d *Driver) Feed(in Input) (Verdict, error) {
	in.Partition = d.p.number
	in.lookups = d.lookups
	return d.p.apply(&in)
}

// Advance moves the partition's clock, as idle time does, and wakes what is due.
func (d *Driver) Advance(to time.Time) error {
	d.p.advance(to)
	for {
		n, err := d.p.wake(wakeLimit)
		if err != nil || n == 0 {
			return err
		}
	}
}

// Clock is the partition's clock.
func (d *Driver) Clock() time.Time { return d.p.clock }

// Commit ends the transaction and returns what it wrote, ledger included.
func (d *Driver) Commit() ([]Output, error) {
	if d.p.tx == nil {
		return nil, nil
	}
	err := d.p.seal(func(r *kgo.Record) { d.logging = append(d.logging, r) })
	if err == nil {
		d.changelog = append(d.changelog, d.logging...)
		err = d.p.commit(int64(len(d.changelog)), d.p.clock)
	}
	d.logging = nil
	list := make([]Output, len(d.sent))
	for i, r := range d.sent {
		list[i] = Output{
			Topic: r.Topic, Partition: r.Partition, Key: string(r.Key), Value: r.Value,
			Headers: r.Headers, Timestamp: r.Timestamp, schema: d.p.codecs.writers[r.Topic],
		}
	}
	d.sent = nil
	return list, err
}

// Abort ends the transaction without effect, as a rebalance does.
func (d *Driver) Abort() error {
	d.sent = nil
	return d.p.discard()
}

// Restart throws the state away, whatever is open with it, and restores it from
// the changelog, as on a task that has never had the partition.
func (d *Driver) Restart() error {
	err := errors.Join(d.Abort(), d.p.store.close())
	if err != nil {
		return err
	}
	if err := d.mount(); err != nil {
		return err
	}
	r := &restorer{spec: d.p.spec, waker: d.p.waker, rule: d.p.rule}
	records := make([]*kgo.Record, len(d.changelog))
	for i, logged := range d.changelog {
		own := *logged
		own.Offset = int64(i)
		records[i] = &own
	}
	if len(records) > 0 {
		if _, err := r.replayBatch(&restored{store: d.p.store}, records); err != nil {
			return err
		}
	}
	d.p.meta, err = r.checkMeta(d.p.store, nil)
	return err
}

// Upgrade restarts with another build of the processor, which migrates the state
// where its version is older.
func (d *Driver) Upgrade(spec Spec, rule Rule) error {
	d.p.spec, d.p.rule = spec, rule
	if err := d.Restart(); err != nil {
		return err
	}
	for d.p.migrating() {
		if err := d.p.migrate(); err != nil {
			return err
		}
		if _, err := d.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// Changelog is how many changes of state were committed so far.
func (d *Driver) Changelog() int { return len(d.changelog) }

// Close lets go of the state.
func (d *Driver) Close() error { return errors.Join(d.Abort(), d.p.store.close()) }

// Keys counts the rule's keys with the prefix in the committed state.
func (d *Driver) Keys(prefix []byte) int {
	tx := newTx(d.p)
	defer func() { _ = tx.close() }()
	to := append(append([]byte(nil), prefix...), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	n := 0
	for range tx.Scan(prefix, to) {
		n++
	}
	return n
}
