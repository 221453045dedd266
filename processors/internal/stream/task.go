package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/processors/internal/slot"
)

// task is one member of a processor's group: a client, the partitions it was
// given, and the transaction that is open. All but the group's callbacks runs
// in one goroutine.
type task struct {
	spec     Spec
	rule     Rule
	limits   Limits
	number   string       // stable over restarts: a successor takes the same
	lost     func() error // says whether the number may be another task's; nil where it cannot
	protocol protocol
	member   *membership // under the consumer protocol
	copies   int         // of each partition's state, that other tasks keep
	standbys *standbys   // nil without
	lookups  *liveLookups
	codecs   *codecs
	metrics  *metrics
	log      *slog.Logger

	session  *kgo.GroupTransactSession
	client   *kgo.Client
	abandon  context.CancelFunc // ends all that the client waits for
	outputs  *kgo.Client        // the same but in the control of unsafe.go
	admin    *kadm.Client
	group    *group
	ids      atomic.Pointer[map[string]kadm.TopicID] // of the inputs
	ends     atomic.Pointer[ends]
	seen     *ends // the ends that were last acted on
	progress progress
	stalls   *stalls

	parts     map[int32]*partition
	readables readables
	position  map[topicPartition]int64 // next offset to come
	patience  *patience
	halts     *halts
	gone      error // an input that the client will not read again
	tries     map[topicPartition]tried
	pace      pace
	tempo     tempo
	polled    time.Time // when the last poll ended
	input     Input

	open    transaction
	fault   func(point string) error // nil but in tests
	waited  time.Duration            // in polls, since busy time was last counted
	counted time.Time
}

// newTask makes a task and its client.
func newTask(ctx context.Context, cfg kafka.Config, spec Spec, rule Rule, l Limits, env environment, deps dependencies) (*task, error) {
	t := &task{
		spec: spec, rule: rule, limits: l, number: env.task, lost: env.lost, protocol: env.protocol, copies: env.standbys,
		lookups: deps.lookups, codecs: deps.codecs, metrics: deps.metrics, log: deps.log,
		parts:    make(map[int32]*partition),
		position: make(map[topicPartition]int64),
		patience: deps.patience,
		halts:    &halts{metrics: deps.metrics, list: make(map[topicPartition]*halt)},
		tries:    make(map[topicPartition]tried),
		progress: progress{spots: make(map[topicPartition]spot)},
		counted:  time.Now(),
	}
	t.stalls = &stalls{after: stalledAfter, progress: &t.progress, halts: t.halts, metrics: t.metrics, log: t.log, seen: make(map[topicPartition]stall)}
	t.group = &group{ctx: ctx, assigned: make(map[int32]*assignment), inputs: t.inputs, halts: t.halts}
	if t.protocol == consumerProtocol {
		t.member = newMembership(spec, env, deps.log)
		t.member.release(ctx, cfg)
		t.group.needs = t.allInputs
	}
	own, err := cfg.Options()
	if err != nil {
		return nil, err
	}
	// The client joins the group in the background as soon as it is made: its
	// callbacks wait until the task is whole.
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	var life context.Context
	life, t.abandon = context.WithCancel(context.WithoutCancel(ctx))
	t.session, err = kgo.NewGroupTransactSession(append(append(own, t.options(env.logger)...), kgo.WithContext(life))...)
	if err != nil {
		t.abandon()
		return nil, fmt.Errorf("make client of %s: %w", spec.Name, err)
	}
	t.client = t.session.Client()
	t.admin = kadm.NewClient(t.client)
	if t.outputs, err = t.writer(cfg, env.unsafe); err != nil {
		return nil, err
	}
	r, err := t.newRestorer(cfg, env)
	if err != nil {
		return nil, err
	}
	t.group.restore = r.restore
	return t, nil
}

// run works until ctx ends, then drains: it commits what is open, leaves the
// group and returns nil. Any other end is an error, after which the task is of
// no use and a new one starts from what was committed.
func (t *task) run(ctx context.Context) error {
	watchCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go t.watchEnds(watchCtx)
	end := t.watchGroup(watchCtx, stop)
	// Taking the transactional id ends what this task's former life left open.
	// Left to the first record it would come too late: restoring waits for it.
	_, _, err := t.client.ProducerID(ctx)
	if err == nil {
		if err = t.checkBrokers(ctx); err == nil {
			err = t.loop(ctx)
		}
	} else if ctx.Err() == nil {
		err = t.refusedID(err)
	} else {
		err = nil // told to stop
	}
	if err == nil {
		err = t.drain(context.WithoutCancel(ctx))
	}
	switch {
	case errors.Is(err, slot.ErrLost):
		t.abandonSlot(context.WithoutCancel(ctx))
	case ctx.Err() != nil:
		t.leave(context.WithoutCancel(ctx), err)
	}
	end()
	return errors.Join(err, t.close())
}

func (t *task) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := t.holdsNumber(); err != nil {
			return err
		}
		if err := t.settle(ctx); err != nil {
			return err
		}
		t.release()
		if err := t.checkDisk(ctx); err != nil {
			return err
		}
		again, err := t.step(ctx)
		if err != nil {
			return err
		}
		if again != nil {
			if err := t.abort(ctx, "retry"); err != nil {
				return err
			}
			t.holdBack(again)
		}
	}
	return nil
}

// step polls once, applies what came, wakes what is due and commits when it is
// time.
func (t *task) step(ctx context.Context) (again *again, err error) {
	if err := t.migrateAll(); err != nil {
		return nil, err
	}
	fetches := t.poll(ctx)
	if t.gone != nil {
		return nil, t.gone
	}
	if again, err = t.applyAll(fetches); err != nil || again != nil {
		return again, err
	}
	t.moveClocks()
	if err := t.wakeAll(); err != nil {
		return nil, err
	}
	if t.open.full(t.limits) || t.pace.narrow > 0 && t.open.begun() {
		err = t.commit(context.WithoutCancel(ctx))
	}
	t.countBusy()
	return nil, err
}

// idlePoll bounds a poll while no transaction is open, and so how late the loop
// hears of a rebalance, a restored partition or a timer.
const idlePoll = 25 * time.Millisecond

func (t *task) poll(ctx context.Context) kgo.Fetches {
	begun := time.Now()
	until := begun.Add(idlePoll)
	if t.open.begun() {
		until = t.open.at.Add(t.open.interval)
		rest := t.polled.Add(rest(t.limits, t.open.interval)).Sub(begun)
		if rest = min(rest, until.Sub(begun)); rest > 0 {
			_ = pause(ctx, rest) // the poll sees that ctx ended
		}
	}
	pollCtx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	fetches := t.session.PollRecords(pollCtx, t.pace.records(t.limits))
	t.polled = time.Now()
	waited := t.polled.Sub(begun)
	t.waited += waited
	t.metrics.polled(fetches.NumRecords(), waited)
	fetches.EachError(t.fetchFailed)
	return fetches
}

func (t *task) applyAll(fetches kgo.Fetches) (wait *again, err error) {
	begun := time.Now()
	defer func() {
		n, took := fetches.NumRecords(), time.Since(begun)
		t.pace.took(n, took)
		t.metrics.processed(n, took)
	}()
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if len(f.Records) == 0 || err != nil || wait != nil {
			return
		}
		p := t.parts[f.Partition]
		if p == nil || p.held { // taken away, or of a topic that came up in a migration, while its records were on their way
			wait = &again{}
			return
		}
		for _, r := range f.Records {
			if r.Attrs.IsControl() {
				continue // only its offset counts
			}
			if wait, err = t.apply(p, r); err != nil || wait != nil {
				return
			}
		}
		t.position[topicPartition{f.Topic, f.Partition}] = f.Records[len(f.Records)-1].Offset + 1
	})
	return wait, err
}

func (t *task) apply(p *partition, r *kgo.Record) (*again, error) {
	if err := t.begin(); err != nil {
		return nil, err
	}
	t.input = Input{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		Key: r.Key, Value: r.Value, Headers: r.Headers, Received: r.Timestamp,
		lookups: t.lookups,
	}
	t.lookups.begin()
	v, err := p.apply(&t.input)
	if err != nil {
		return nil, err
	}
	if v.outcome == retry {
		return &again{topicPartition{r.Topic, r.Partition}, t.waiting(&t.input, v)}, nil
	}
	t.open.took(p.number, r.Timestamp, v, p.aside(r.Topic) != "")
	if v.outcome == deadLetter {
		t.log.Warn("dead letter", "class", v.class, "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "reason", firstLine(v.reason))
	}
	return nil, nil
}

// wakeLimit bounds how many entries of one partition are woken between polls.
const wakeLimit = 500

func (t *task) wakeAll() error {
	begun, woken := time.Now(), 0
	limit := wakeLimit
	if t.pace.narrow > 0 {
		if t.open.records > 0 {
			return nil // records and timers are told apart
		}
		limit = min(limit, t.pace.narrow)
	}
	var committed map[string]map[int32]kgo.EpochOffset
	for _, number := range slices.Sorted(maps.Keys(t.parts)) {
		p := t.parts[number]
		if p.stopped || p.migrating() || p.clock.IsZero() || p.nextDue.After(p.clock) {
			continue
		}
		if committed == nil {
			committed = t.client.CommittedOffsets()
		}
		if !has(committed, number) {
			continue // the client has no offsets yet, or has lost the partition: fence could not tell
		}
		if err := t.begin(); err != nil {
			return err
		}
		n, err := p.wake(limit)
		if err != nil {
			return err
		}
		if n > 0 {
			t.open.woke(number, n)
			woken += n
		}
	}
	if woken > 0 {
		t.metrics.punctuate.Observe(time.Since(begun).Seconds())
	}
	return nil
}

// inputs reads the partition counts and ids of the inputs.
func (t *task) inputs(ctx context.Context, topics []string) (map[string]int32, error) {
	names := slices.Clone(topics)
	for _, w := range t.spec.Writes {
		if w.SamePartition {
			names = append(names, w.Topic)
		}
	}
	details, err := t.admin.ListTopics(ctx, names...)
	if err == nil {
		err = details.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find inputs %q: %w", topics, err)
	}
	inputs := make(map[string]int32, len(topics))
	ids := make(map[string]kadm.TopicID, len(topics))
	for _, topic := range topics {
		n := len(details[topic].Partitions)
		inputs[topic] = int32(n) //nolint:gosec // Kafka counts partitions in 32 bits
		ids[topic] = details[topic].ID
		for _, w := range t.spec.Writes {
			if w.SamePartition && len(details[w.Topic].Partitions) != n {
				return nil, fatalf("start %s: %s has %d partitions and %s has %d: they must have as many, since a record stays in its partition",
					t.spec.Name, topic, n, w.Topic, len(details[w.Topic].Partitions))
			}
		}
	}
	t.ids.Store(&ids)
	return inputs, t.spec.copartitioned(inputs)
}
