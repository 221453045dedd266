package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// transaction is what the open transaction holds besides the partitions' parts.
type transaction struct {
	at       time.Time // begun; zero when none is open
	interval time.Duration
	ended    time.Time // the one before
	records  int
	received []time.Time            // of records that were applied, those of asides left out
	verdicts [len(outcomeNames)]int // records by outcome
	dead     map[Class]int
	woken    int
	consumed map[int32]bool // numbers that took a record: their offsets are part of it
	timed    map[int32]bool // numbers that woke something

	mu      sync.Mutex // the rest is written by the client's goroutines
	logged  map[int32]int64
	outputs map[string]int
	err     error // why a record could not be written
}

func (x *transaction) begun() bool { return !x.at.IsZero() }

func (x *transaction) full(l Limits) bool {
	return x.begun() && (x.records >= l.MaxRecords || time.Since(x.at) >= x.interval)
}

func (x *transaction) took(number int32, received time.Time, v Verdict, aside bool) {
	x.records++
	x.verdicts[v.outcome]++
	x.consumed[number] = true
	switch {
	case v.outcome == deadLetter:
		x.dead[v.class]++
	case v.outcome == applied && !aside:
		x.received = append(x.received, received)
	}
}

func (x *transaction) woke(number int32, n int) {
	x.timed[number] = true
	x.woken += n
}

func (x *transaction) reset() {
	x.at, x.records, x.woken = time.Time{}, 0, 0
	x.received = x.received[:0]
	x.verdicts = [len(outcomeNames)]int{}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.dead = make(map[Class]int)
	x.consumed, x.timed = make(map[int32]bool), make(map[int32]bool)
	x.logged, x.outputs = make(map[int32]int64), make(map[string]int)
	x.err = nil
}

// begin opens a transaction where none is open.
func (t *task) begin() error {
	if t.open.begun() {
		return nil
	}
	if err := t.session.Begin(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	t.open.reset()
	t.open.at, t.open.interval = time.Now(), t.tempo.interval(t.limits)
	return nil
}

// send gives the client a record of the open transaction.
func (t *task) send(r *kgo.Record) {
	t.outputs.Produce(context.Background(), r, func(r *kgo.Record, err error) {
		t.open.mu.Lock()
		defer t.open.mu.Unlock()
		switch {
		case err != nil && t.open.err == nil:
			t.open.err = fmt.Errorf("write %s: %w", r.Topic, err)
		case r.Topic == t.spec.State.Topic:
			t.open.logged[r.Partition] = max(t.open.logged[r.Partition], r.Offset+1)
		default:
			t.open.outputs[r.Topic]++
		}
	})
}

// commit ends the transaction. When Kafka has it, the partitions apply it; when
// Kafka aborted it, it is forgotten and its inputs come again. An error means
// that the outcome is unknown or that this task may not go on.
func (t *task) commit(ctx context.Context) error {
	opened := t.open.at
	committed, err := t.commitOpen(ctx)
	if open := time.Since(opened); open > t.limits.SessionTimeout {
		// The group has gone on without this task, which slept.
		t.log.Warn("tried to commit a transaction that was open for longer than a session", "open", open, "committed", committed, "err", err)
	}
	return err
}

func (t *task) commitOpen(ctx context.Context) (committed bool, err error) {
	begun := time.Now()
	if err := t.faultAt("sealing"); err != nil {
		return false, err
	}
	for _, p := range t.parts {
		if p.tx == nil {
			continue
		}
		if err := p.seal(t.send); err != nil {
			return false, t.cannotSeal(ctx, p, err)
		}
	}
	try, err := t.prepare(ctx)
	if err != nil {
		return false, t.refused(ctx, err)
	}
	if err := t.faultAt("flushed"); err != nil {
		return false, err
	}
	if err := t.holdsNumber(); err != nil {
		return false, err
	}
	if committed, err = t.session.End(ctx, try); err != nil {
		return false, fmt.Errorf("end transaction: %w", err)
	}
	if !committed {
		return false, t.forget("rebalance")
	}
	if err := t.faultAt("committed"); err != nil {
		return true, err
	}
	if err := t.applyCommitted(); err != nil {
		return true, err
	}
	t.pace.succeeded(t.limits)
	now := time.Now()
	t.tempo.ended(t.open.records, now.Sub(t.open.ended))
	t.open.ended = now
	t.metrics.committed(&t.open, now.Sub(begun))
	t.open.reset()
	return true, nil
}

// faultAt is where tests crash a task.
func (t *task) faultAt(point string) error {
	if t.fault == nil {
		return nil
	}
	return t.fault(point)
}

// prepare writes out what is buffered and fences the timers. It says whether
// the transaction can be committed.
func (t *task) prepare(ctx context.Context) (kgo.TransactionEndTry, error) {
	if err := t.outputs.Flush(ctx); err != nil {
		return kgo.TryAbort, fmt.Errorf("write outputs: %w", err)
	}
	t.open.mu.Lock()
	err, wrote := t.open.err, len(t.open.logged)+len(t.open.outputs) > 0
	t.open.mu.Unlock()
	switch {
	case err != nil:
		return kgo.TryAbort, err
	case !wrote, t.outputs != t.client:
		// Nothing that a fence could protect. It would open a transaction that the
		// client, which wrote nothing, knows nothing of and leaves open.
		return kgo.TryCommit, nil
	}
	owned, err := t.fence(ctx)
	return kgo.TransactionEndTry(owned), err
}

func (t *task) applyCommitted() error {
	now := time.Now()
	t.open.mu.Lock()
	logged := t.open.logged
	t.open.mu.Unlock()
	for number, p := range t.parts {
		if p.tx == nil {
			continue
		}
		if err := p.commit(logged[number], now); err != nil {
			return err
		}
	}
	return nil
}

// abort ends the open transaction, if there is one, without effect.
func (t *task) abort(ctx context.Context, reason string) error {
	if _, err := t.session.End(context.WithoutCancel(ctx), kgo.TryAbort); err != nil {
		return fmt.Errorf("abort transaction: %w", err)
	}
	return t.forget(reason)
}

// forget drops what the partitions held for a transaction that did not commit.
func (t *task) forget(reason string) error {
	if t.open.begun() {
		t.metrics.aborts.WithLabelValues(reason).Inc()
	}
	var errs []error
	for _, p := range t.parts {
		errs = append(errs, p.discard())
	}
	clear(t.position) // the client went back to what is committed
	t.open.reset()
	return errors.Join(errs...)
}

// settle acts on what the group decided: it lets go of numbers that were taken
// away and takes in those whose state has been restored.
func (t *task) settle(ctx context.Context) error {
	if t.group.needs != nil {
		t.group.compare(t.client, t.client.CommittedOffsets())
		t.group.lookAgain()
	}
	news, err := t.group.settle()
	if len(news.removed) > 0 {
		// Also when nothing is open: it makes the session report the next loss.
		if err := t.abort(ctx, "rebalance"); err != nil {
			return err
		}
		for _, number := range news.removed {
			if err := t.letGo(number); err != nil {
				return err
			}
		}
	}
	for _, a := range news.arrived {
		resume, ok := t.group.admit(a)
		if !ok {
			if err := a.store.close(); err != nil {
				return err
			}
			continue
		}
		t.parts[a.number] = t.takeIn(a.restored)
		if p := t.parts[a.number]; p.migrating() {
			p.held = true
			t.log.Info("migrate state", "partition", a.number, "from", p.meta.Version, "to", t.spec.State.Version)
			continue
		}
		t.readables.add(a.number, a.store)
		t.client.ResumeFetchPartitions(resume)
	}
	for _, p := range t.parts {
		p.cache.limit = t.limits.CacheBytes / len(t.parts)
		err = errors.Join(err, p.meta.admit(t.spec.Name, news.counts))
	}
	t.metrics.partitions.Set(float64(len(t.parts)))
	if len(news.removed) > 0 {
		t.keepHalts()
	}
	return err
}

func (t *task) takeIn(r *restored) *partition {
	t.metrics.taskCreated.Inc()
	p := newPartition(r.number, t.spec, t.rule, t.codecs, r.store)
	p.meta, p.send = r.meta, t.send
	p.onPark = func(stored []byte, v Verdict) {
		t.open.dead[RuleError]++
		t.metrics.parked.Inc()
		t.log.Error("set a timer aside", "partition", p.number, "key", string(stored[1:]), "reason", firstLine(v.reason))
	}
	p.judge = func(in *Input, v Verdict) Verdict {
		if v.outcome == deadLetter && t.patience.wait(in.Topic, v, time.Now()) {
			return Verdict{retry, v.class, v.reason}
		}
		return v
	}
	return p
}

func (t *task) letGo(number int32) error {
	p := t.parts[number]
	if p == nil {
		return nil
	}
	delete(t.parts, number)
	t.readables.remove(number)
	t.metrics.forgetLag(number)
	t.progress.forget(number)
	t.metrics.taskClosed.Inc()
	for tp := range t.position {
		if tp.partition == number {
			delete(t.position, tp)
		}
	}
	return errors.Join(p.discard(), p.store.close())
}

// drain commits what is open.
func (t *task) drain(ctx context.Context) error {
	if !t.open.begun() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.limits.TransactionTimeout)
	defer cancel()
	return t.commit(ctx)
}

// close lets go of everything. An open transaction is left to the broker.
func (t *task) close() error {
	t.group.stop()
	t.halts.remove(func(topicPartition) bool { return true })
	t.client.CloseAllowingRebalance()
	t.abandon()
	if t.outputs != t.client {
		t.outputs.Close()
	}
	t.group.pending.Wait()
	news, _ := t.group.settle()
	var errs []error
	for _, a := range news.arrived {
		errs = append(errs, a.store.close())
	}
	for number := range t.parts {
		errs = append(errs, t.letGo(number))
	}
	return errors.Join(errs...)
}
