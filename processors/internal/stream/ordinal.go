package stream

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/processors/internal/slot"
)

// ordinal is the number that a process works under: one that it was given, or a
// slot that it holds by lease.
type ordinal struct {
	cfg     kafka.Config
	spec    Spec
	env     environment
	metrics *metrics
	waiting func(why string) // for a slot
	log     *slog.Logger

	lease *slot.Lease
}

// take returns how the next task is to be started. A slot that is still held is
// kept, one that was lost is looked for anew.
func (o *ordinal) take(ctx context.Context) (kafka.Config, environment, error) {
	cfg, env := o.cfg, o.env
	if env.slots > 0 {
		if o.lease != nil && o.lease.Err() != nil {
			o.release()
		}
		if o.lease == nil {
			lease, err := slot.Take(ctx, o.cfg, slot.Wish{
				Processor: o.spec.Name, Slots: env.slots, Waiting: o.waiting, Log: o.log,
				Topic: o.spec.State.Topic, Load: o.metrics.load,
			})
			if err != nil {
				return cfg, env, err
			}
			o.lease = lease
			o.log.Info("took a slot", "slot", lease.Number, "of", env.slots)
		}
		env.task, env.lost = strconv.Itoa(o.lease.Number), o.lease.Err
	}
	cfg.ClientID = instanceID(o.spec.Name, env.task)
	return cfg, env, nil
}

// release gives the slot back, if one is held.
func (o *ordinal) release() {
	if o.lease == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leavePatience)
	defer cancel()
	o.lease.Release(ctx)
	o.lease = nil
}

// life tells this process's counters from those of the one before.
var life = rand.Text()

// load is what the task counts, for the scaling law. Collecting is all that can
// fail, and then the counters that there are say less.
func (m *metrics) load() slot.Load {
	families, _ := m.registry.Gather()
	l := slot.Load{Process: life}
	for _, f := range families {
		into := map[string]*float64{
			metricPrefix + "process_total":      &l.Records,
			metricPrefix + "busy_seconds_total": &l.BusySeconds,
			metricPrefix + "lag_seconds":        &l.LagSeconds,
		}[f.GetName()]
		if into == nil {
			continue
		}
		for _, one := range f.GetMetric() {
			*into += one.GetCounter().GetValue() + one.GetGauge().GetValue()
		}
	}
	return l
}

// holdsNumber is an error once the task's number may be another's.
func (t *task) holdsNumber() error {
	if t.lost == nil {
		return nil
	}
	return t.lost()
}

// abandonSlot ends what is open under a slot that was lost, so that readers need
// not wait for its timeout. Whoever has the slot by now has taken its
// transactional id, and then nothing is done. The group is not told: the name
// there is that of the slot's holder.
func (t *task) abandonSlot(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leavePatience)
	defer cancel()
	if _, err := t.session.End(ctx, kgo.TryAbort); err != nil {
		t.log.Warn("abort what is open; others wait for the transaction timeout", "err", err)
	}
}

// scratch makes a state directory for a task that was given none. remove takes it
// away.
func scratch(env *environment, processor string) (remove func(), err error) {
	if env.stateDir != "" {
		return func() {}, nil
	}
	if env.stateDir, err = os.MkdirTemp("", processor+"-state-"); err != nil {
		return nil, fmt.Errorf("make a state directory: %w: set %s to one that can be written", err, envStateDir)
	}
	return func() { _ = os.RemoveAll(env.stateDir) }, nil // the machine goes as well
}

// endWithin ends the process when it has not ended by itself some time after ctx:
// before whoever told it to stop kills it without a word.
func endWithin(ctx context.Context, limit time.Duration, log *slog.Logger) {
	context.AfterFunc(ctx, func() {
		time.AfterFunc(limit, func() {
			log.Error("stop without draining: what was not committed is done again", "drained_for", limit)
			os.Exit(1)
		})
	})
}
