package survive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
)

// place is one partition of one topic.
type place struct {
	topic     string
	partition int32
}

// observer reads what the processors wrote, as a consumer sees it: what is
// committed, in the order of the partitions.
type observer struct {
	p        *platform
	client   *kgo.Client
	admin    *kadm.Client
	registry *event.Registry
	next     map[place]int64

	times    []int // how often each event is in processed.customer-events, by its number
	invented []string
	sessions map[string]aggregates.Session
	counts   map[string]aggregates.EventCount
	ledger   map[string]ledgerLine
	dead     int
	raw      int64 // records on the raw topics
	copies   int64 // of processed.customer-events
}

// ledgerLine is a value of headwater.ledger.
type ledgerLine struct {
	In           int64            `json:"in"`
	Applied      int64            `json:"applied"`
	Duplicate    int64            `json:"duplicate"`
	Late         int64            `json:"late"`
	DeadLettered map[string]int64 `json:"dead_lettered"`
}

const (
	deadLetterTopic = "dead-letters"
	ledgerTopic     = "headwater.ledger"
)

// How long the processors may take to catch up after the last event, and how long
// nothing more may come then.
const (
	catchUpLimit = 5 * time.Minute
	quiet        = 3 * time.Second
)

func (p *platform) observe() *observer {
	p.t.Helper()
	client, err := p.admin.Client(
		kgo.ConsumeTopics(processed.CustomerEventTopic, aggregates.SessionTopic, aggregates.EventCountTopic, deadLetterTopic, ledgerTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // so that the end of a partition is reached
		kgo.MetadataMinAge(100*time.Millisecond),
		kgo.MaxDecompressBatchBytes(64<<20),
	)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(client.Close)
	registry, err := event.NewRegistry(p.place.RegistryURL)
	if err != nil {
		p.t.Fatal(err)
	}
	return &observer{
		p: p, client: client, admin: kadm.NewClient(client), registry: registry, next: map[place]int64{},
		sessions: map[string]aggregates.Session{}, counts: map[string]aggregates.EventCount{}, ledger: map[string]ledgerLine{},
	}
}

// catchUp reads until all that is acknowledged has passed every stage and no more
// comes, and says how long that took. What is still missing after catchUpLimit is
// for the check to find; the error is that of a reader which cannot read.
func (o *observer) catchUp(ctx context.Context, l *load) (took time.Duration, err error) {
	begun := time.Now()
	for {
		grew, err := o.read(ctx)
		took = time.Since(begun)
		switch {
		case err != nil && took > catchUpLimit:
			return took, fmt.Errorf("read what the processors wrote: %w", err)
		case err == nil && took > catchUpLimit:
			return took, nil
		case err != nil || grew || check(l, o).any():
			time.Sleep(200 * time.Millisecond)
			continue
		}
		time.Sleep(quiet)
		if grew, err := o.read(ctx); err == nil && !grew {
			return took, nil
		}
	}
}

// read reads up to where the topics ended when it was called, and says whether
// anything came.
func (o *observer) read(ctx context.Context) (grew bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	raw, err := o.admin.ListEndOffsets(ctx, rawTopics...)
	if err = errors.Join(err, raw.Error()); err != nil {
		return false, err
	}
	o.raw = 0
	raw.Each(func(at kadm.ListedOffset) { o.raw += at.Offset })
	stable, err := o.admin.ListCommittedOffsets(ctx, o.client.GetConsumeTopics()...)
	if err = errors.Join(err, stable.Error()); err != nil {
		return false, err
	}
	missing := map[place]int64{}
	stable.Each(func(at kadm.ListedOffset) {
		if key := (place{at.Topic, at.Partition}); at.Offset > o.next[key] {
			missing[key] = at.Offset
		}
	})
	for len(missing) > 0 {
		fetches := o.client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return grew, fmt.Errorf("%w: %d partitions are not read to their end", err, len(missing))
		}
		if err := o.takeAll(fetches); err != nil {
			return grew, err
		}
		grew = true
		for key, end := range missing {
			if o.next[key] >= end {
				delete(missing, key)
			}
		}
	}
	return grew, nil
}

func (o *observer) takeAll(fetches kgo.Fetches) (err error) {
	fetches.EachRecord(func(r *kgo.Record) {
		o.next[place{r.Topic, r.Partition}] = r.Offset + 1
		if err == nil && !r.Attrs.IsControl() {
			if err = o.take(r); err != nil {
				err = fmt.Errorf("read %s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			}
		}
	})
	return err
}

func (o *observer) take(r *kgo.Record) error {
	switch r.Topic {
	case processed.CustomerEventTopic:
		var e processed.CustomerEvent
		if err := o.decode(r.Value, &e); err != nil {
			return err
		}
		o.copies++
		n := numberOf(e.ID)
		if n < 0 || e.Type != typeOf(n) {
			o.invented = append(o.invented, e.Type+" "+e.ID)
			return nil
		}
		for len(o.times) <= n {
			o.times = append(o.times, 0)
		}
		o.times[n]++
	case aggregates.SessionTopic:
		return takeLatest(o, o.sessions, r)
	case aggregates.EventCountTopic:
		return takeLatest(o, o.counts, r)
	case ledgerTopic:
		var line ledgerLine
		if err := json.Unmarshal(r.Value, &line); err != nil {
			return err
		}
		o.ledger[string(r.Key)] = line
	case deadLetterTopic:
		o.dead++
	}
	return nil
}

func takeLatest[V any](o *observer, latest map[string]V, r *kgo.Record) error {
	if r.Value == nil {
		delete(latest, string(r.Key))
		return nil
	}
	var v V
	if err := o.decode(r.Value, &v); err != nil {
		return err
	}
	latest[string(r.Key)] = v
	return nil
}

func (o *observer) decode(value []byte, into any) error {
	id, err := event.SchemaID(value)
	if err != nil {
		return err
	}
	schema, err := o.registry.Schema(o.p.t.Context(), id)
	if err != nil {
		return err
	}
	return schema.Decode(value, into)
}

// stages sums the ledger by processor.
func (o *observer) stages() map[string]ledgerLine {
	sums := map[string]ledgerLine{}
	for key, line := range o.ledger {
		name, _, _ := strings.Cut(key, "/")
		sum := sums[name]
		sum.In, sum.Applied = sum.In+line.In, sum.Applied+line.Applied
		sum.Duplicate, sum.Late = sum.Duplicate+line.Duplicate, sum.Late+line.Late
		for _, n := range line.DeadLettered {
			sum.DeadLettered = map[string]int64{"": sum.DeadLettered[""] + n}
		}
		sums[name] = sum
	}
	return sums
}
