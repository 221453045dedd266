package event

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
)

// CatalogueTopic is where the catalogue is kept unless told otherwise.
const CatalogueTopic = "headwater.catalogue"

// Catalogue follows the catalogue topic from its start, without a group, and
// holds the latest entry of each event type. Look-ups are safe from any
// goroutine at any time; they see nothing before [Catalogue.Run] reads it.
type Catalogue struct {
	topic    string
	client   *kgo.Client
	view     atomic.Pointer[View]
	onChange []func(View)
	caughtUp chan struct{}
	once     sync.Once
	log      *slog.Logger

	entries map[string]Entry // by type; owned by Run
	ends    map[int32]int64  // offsets to reach before the start is caught up
	next    map[int32]int64  // offsets read so far
}

// View is the catalogue at one moment. It does not change.
type View struct {
	byType    map[string]Entry
	byTopic   map[string]Entry
	bySegment map[string]Entry
}

// Type looks an entry up by event type.
func (v View) Type(eventType string) (Entry, bool) {
	e, ok := v.byType[eventType]
	return e, ok
}

// Topic looks an entry up by the topic of its records.
func (v View) Topic(topic string) (Entry, bool) {
	e, ok := v.byTopic[topic]
	return e, ok
}

// SegmentCall looks up the entry that takes a call of the Segment API. Of
// several that claim one call the first by type wins, so that the answer does
// not depend on the order in which they were declared.
func (v View) SegmentCall(call string) (Entry, bool) {
	e, ok := v.bySegment[call]
	return e, ok
}

// Entries lists all entries by type.
func (v View) Entries() []Entry {
	list := slices.Collect(maps.Values(v.byType))
	slices.SortFunc(list, func(a, b Entry) int { return cmp.Compare(a.Type, b.Type) })
	return list
}

// NewCatalogue makes a follower of topic ([CatalogueTopic] when empty). It does
// not dial; Run does. opts are added to those of cfg.
func NewCatalogue(cfg kafka.Config, topic string, opts ...kgo.Opt) (*Catalogue, error) {
	if topic == "" {
		topic = CatalogueTopic
	}
	own := []kgo.Opt{
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MaxDecompressBatchBytes(64 << 20),
		kgo.KeepControlRecords(), // their offsets count towards the end
		// A topic that terraform is about to make must be seen within seconds.
		kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.MetadataMaxAge(5 * time.Second),
	}
	client, err := cfg.Client(append(own, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("follow catalogue %s: %w", topic, err)
	}
	c := &Catalogue{
		topic:    topic,
		client:   client,
		caughtUp: make(chan struct{}),
		log:      slog.Default().With("topic", topic),
		entries:  make(map[string]Entry),
		next:     make(map[int32]int64),
	}
	c.view.Store(&View{})
	return c, nil
}

// OnChange has f called with the new view after each change, from Run's
// goroutine. It must be called before Run.
func (c *Catalogue) OnChange(f func(View)) { c.onChange = append(c.onChange, f) }

// View is the catalogue as it is now.
func (c *Catalogue) View() View { return *c.view.Load() }

// CaughtUp is closed once everything that stood on the topic when Run began has
// been read.
func (c *Catalogue) CaughtUp() <-chan struct{} { return c.caughtUp }

// Run follows the topic until ctx ends, then returns nil and closes the client.
// What fails on the way is tried again: an unreachable broker and a topic that
// does not exist yet only delay CaughtUp.
func (c *Catalogue) Run(ctx context.Context) error {
	defer c.client.Close()
	if err := c.findEnds(ctx); err != nil {
		return nil // it tries until ctx ends, which is how Run is stopped
	}
	c.reached()
	for {
		fetches := c.client.PollFetches(ctx)
		if ctx.Err() != nil || fetches.IsClientClosed() {
			return nil
		}
		fetches.EachError(func(_ string, partition int32, err error) {
			c.log.Warn("read the catalogue", "partition", partition, "err", err)
		})
		changed := false
		fetches.EachRecord(func(r *kgo.Record) {
			changed = c.apply(r) || changed
			c.next[r.Partition] = r.Offset + 1
		})
		if changed {
			c.publish()
		}
		c.reached()
	}
}

// findEnds waits until the topic exists and notes where it ends.
func (c *Catalogue) findEnds(ctx context.Context) error {
	const wait = 250 * time.Millisecond
	admin := kadm.NewClient(c.client)
	for logged := false; ; {
		ends, err := c.listEnds(ctx, admin)
		if err == nil {
			c.ends = ends
			return nil
		}
		if !logged {
			c.log.Warn("find the end of the catalogue, trying on", "err", err)
			logged = true
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

func (c *Catalogue) listEnds(ctx context.Context, admin *kadm.Client) (map[int32]int64, error) {
	starts, err := admin.ListStartOffsets(ctx, c.topic)
	if err = errors.Join(err, starts.Error()); err != nil {
		return nil, err
	}
	ends, err := admin.ListEndOffsets(ctx, c.topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		return nil, err
	}
	waitFor := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		start, _ := starts.Lookup(o.Topic, o.Partition)
		if o.Offset > start.Offset {
			waitFor[o.Partition] = o.Offset
		}
	})
	return waitFor, nil
}

// apply takes one record into the entries and says whether they changed. A
// record that cannot be read leaves the entry before it in force.
func (c *Catalogue) apply(r *kgo.Record) bool {
	if r.Attrs.IsControl() {
		return false
	}
	key := string(r.Key)
	if r.Value == nil {
		_, known := c.entries[key]
		delete(c.entries, key)
		return known
	}
	e, err := ParseEntry(r.Value)
	if err == nil && e.Type != key {
		err = fmt.Errorf("read catalogue entry: its key is %q but its type is %q", key, e.Type)
	}
	if err != nil {
		c.log.Error("skip a catalogue record", "partition", r.Partition, "offset", r.Offset, "err", err)
		return false
	}
	c.entries[key] = e
	return true
}

// publish makes a new view and hands it on.
func (c *Catalogue) publish() {
	v := NewView(slices.Collect(maps.Values(c.entries)))
	c.view.Store(&v)
	for _, f := range c.onChange {
		f(v)
	}
}

// NewView indexes entries. When two share a type the later one counts.
func NewView(entries []Entry) View {
	v := View{
		byType:    make(map[string]Entry, len(entries)),
		byTopic:   make(map[string]Entry, len(entries)),
		bySegment: make(map[string]Entry),
	}
	for _, e := range entries {
		v.byType[e.Type] = e
	}
	for _, e := range v.Entries() {
		v.byTopic[e.Topic] = e
		if e.SegmentCall == "" || e.Retired {
			continue
		}
		if _, taken := v.bySegment[e.SegmentCall]; !taken {
			v.bySegment[e.SegmentCall] = e
		}
	}
	return v
}

func (c *Catalogue) reached() {
	for partition, end := range c.ends {
		if c.next[partition] < end {
			return
		}
	}
	c.once.Do(func() { close(c.caughtUp) })
}
