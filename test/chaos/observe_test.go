package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
	"headwater.internal/platform/schemas/repartition"
)

// place is one partition of one topic.
type place struct {
	topic     string
	partition int32
}

// observer reads everything that was written, as a consumer sees it: committed
// records only, in the order of their partitions.
type observer struct {
	p        *platform
	client   *kgo.Client
	admin    *kadm.Client
	registry *event.Registry
	next     map[place]int64
	readAt   time.Time // everything that was committed by then has been read

	raw       map[place][]*kgo.Record
	processed [][]processed.CustomerEvent // by partition
	receipts  [][]time.Time               // of processed
	aside     map[string]map[string]int64 // records of the inputs beside it: by topic, by partition and minute
	misplaced int                         // processed records whose key is not their customer
	dead      map[string]string           // class by where the original stands
	deadTwice int
	sessions  *history[aggregates.Session]
	counts    *history[aggregates.EventCount]
	ledger    map[string]ledgerLine
	records   map[string]int64 // by topic
}

// ledgerLine is a value of headwater.ledger.
type ledgerLine struct {
	Stage        string           `json:"stage"`
	Partition    int32            `json:"partition"`
	Minute       string           `json:"minute"`
	In           int64            `json:"in"`
	Applied      int64            `json:"applied"`
	Duplicate    int64            `json:"duplicate"`
	Late         int64            `json:"late"`
	DeadLettered map[string]int64 `json:"dead_lettered"`
	Out          int64            `json:"out"`
}

const (
	deadLetterTopic = "dead-letters"
	ledgerTopic     = "headwater.ledger"
)

// partitions of the processed topic on the local platform.
const partitions = 12

func (p *platform) observe() *observer {
	p.t.Helper()
	topics := []string{
		processed.CustomerEventTopic, aggregates.SessionTopic, aggregates.EventCountTopic, deadLetterTopic, ledgerTopic,
		processed.IdentityLinkTopic, repartition.SessionPieceTopic, repartition.CountChangeTopic,
	}
	for _, k := range mix() {
		topics = append(topics, k.topic)
	}
	client, err := p.admin.Client(
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(),
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
		p: p, client: client, admin: kadm.NewClient(client), registry: registry,
		aside: make(map[string]map[string]int64),
		next:  make(map[place]int64), raw: make(map[place][]*kgo.Record),
		processed: make([][]processed.CustomerEvent, partitions), receipts: make([][]time.Time, partitions),
		dead: make(map[string]string), ledger: make(map[string]ledgerLine), records: make(map[string]int64),
		sessions: newHistory(func(s aggregates.Session) (int64, bool) { return s.Revision, s.State == aggregates.SessionStateFinal }),
		counts:   newHistory(func(c aggregates.EventCount) (int64, bool) { return c.Revision, c.State == aggregates.CountStateFinal }),
	}
}

// catchUp reads up to where the topics ended when it was called. It says whether
// anything came, and whether no transaction was open.
func (o *observer) catchUp(ctx context.Context) (grew, whole bool, err error) {
	asked := time.Now()
	topics := o.client.GetConsumeTopics()
	stable, err := o.admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return false, false, err
	}
	ends, err := o.admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return false, false, err
	}
	whole = true
	missing := make(map[place]int64)
	stable.Each(func(at kadm.ListedOffset) {
		end, _ := ends.Lookup(at.Topic, at.Partition)
		whole = whole && at.Err == nil && end.Offset == at.Offset
		if key := (place{at.Topic, at.Partition}); at.Offset > o.next[key] {
			missing[key] = at.Offset
		}
	})
	for len(missing) > 0 {
		fetches := o.client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return grew, false, err
		}
		grew = true
		if err := o.takeAll(fetches); err != nil {
			return grew, false, err
		}
		for key, end := range missing {
			if o.next[key] >= end {
				delete(missing, key)
			}
		}
	}
	o.readAt = asked
	return grew, whole, nil
}

func (o *observer) takeAll(fetches kgo.Fetches) (err error) {
	fetches.EachRecord(func(r *kgo.Record) {
		o.next[place{r.Topic, r.Partition}] = r.Offset + 1
		if err != nil || r.Attrs.IsControl() {
			return
		}
		o.records[r.Topic]++
		if err = o.take(r); err != nil {
			err = fmt.Errorf("read %s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
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
		if string(r.Key) != e.Customer {
			o.misplaced++
		}
		o.processed[r.Partition] = append(o.processed[r.Partition], e)
		o.receipts[r.Partition] = append(o.receipts[r.Partition], r.Timestamp)
	case processed.IdentityLinkTopic, repartition.SessionPieceTopic, repartition.CountChangeTopic:
		if o.aside[r.Topic] == nil {
			o.aside[r.Topic] = make(map[string]int64)
		}
		o.aside[r.Topic][minuteKey(r.Partition, r.Timestamp)]++
	case aggregates.SessionTopic:
		return takeVersion(o, o.sessions, r)
	case aggregates.EventCountTopic:
		return takeVersion(o, o.counts, r)
	case deadLetterTopic:
		at := header(r, "dl_topic") + "/" + header(r, "dl_partition") + "/" + header(r, "dl_offset")
		if _, again := o.dead[at]; again {
			o.deadTwice++
		}
		o.dead[at] = header(r, "dl_class")
	case ledgerTopic:
		var line ledgerLine
		if err := json.Unmarshal(r.Value, &line); err != nil {
			return err
		}
		o.ledger[string(r.Key)] = line
	default:
		at := place{r.Topic, r.Partition}
		o.raw[at] = append(o.raw[at], r)
	}
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

func takeVersion[V any](o *observer, h *history[V], r *kgo.Record) error {
	if r.Value == nil {
		h.remove(r.Partition, string(r.Key))
		return nil
	}
	var v V
	if err := o.decode(r.Value, &v); err != nil {
		return err
	}
	h.set(r.Partition, string(r.Key), v)
	return nil
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func (o *observer) rawRecords() int64 {
	var n int64
	for topic, records := range o.records {
		if strings.HasPrefix(topic, "raw.") {
			n += records
		}
	}
	return n
}

// String is what was read.
func (o *observer) String() string {
	return fmt.Sprintf("%d raw records, %d processed, %d links that moved %d pieces of sessions and %d counts, %d dead letters, %d updates of %d sessions, %d of %d counts, %d of the ledger",
		o.rawRecords(), o.records[processed.CustomerEventTopic], o.records[processed.IdentityLinkTopic],
		o.records[repartition.SessionPieceTopic], o.records[repartition.CountChangeTopic], o.records[deadLetterTopic],
		o.records[aggregates.SessionTopic], len(o.sessions.live()), o.records[aggregates.EventCountTopic], len(o.counts.live()), o.records[ledgerTopic])
}
