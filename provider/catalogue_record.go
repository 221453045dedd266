package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
)

// catalogueVersion is the format of the records written here. Readers refuse a
// higher one than they know.
const catalogueVersion = 1

// catalogueRecord is the JSON value of a record on the catalogue topic, keyed by
// its type. The collector, the processors and the console follow that topic.
type catalogueRecord struct {
	Version       int      `json:"version"`
	Type          string   `json:"type"`
	Tier          string   `json:"tier"`
	Domain        string   `json:"domain"`
	Name          string   `json:"name"`
	Description   string   `json:"description"`
	Owner         string   `json:"owner"`
	Topic         string   `json:"topic"`
	Subject       string   `json:"subject"`
	SchemaType    string   `json:"schema_type"`
	SchemaID      int64    `json:"schema_id"`
	SchemaVersion int64    `json:"schema_version"`
	Schema        string   `json:"schema"`
	Compatibility string   `json:"compatibility"`
	RetentionMS   int64    `json:"retention_ms"`
	PII           []string `json:"pii"`
	Producers     []string `json:"producers"`
	Consumers     []string `json:"consumers"`
	RevenueField  string   `json:"revenue_field"`
	SegmentCall   string   `json:"segment_call"`
	Retired       bool     `json:"retired"`
}

// catalogues reads each catalogue topic once per walk, from its start to its
// end, whatever the number of entries.
type catalogues struct {
	settings settings
	dial     connect

	mu     sync.Mutex
	topics map[string]*kind[catalogueRecord] // by topic, then by event type
}

// of returns the entries of a catalogue topic.
func (c *catalogues) of(topic string) *kind[catalogueRecord] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.topics == nil {
		c.topics = map[string]*kind[catalogueRecord]{}
	}
	entries := c.topics[topic]
	if entries == nil {
		entries = newKind(2*c.settings.requestTimeout, c.load(topic), nil)
		c.topics[topic] = entries
	}
	return entries
}

// load reads the whole topic: the latest record of each key is the entry, none
// when it is a tombstone. A topic that does not exist has no entries.
func (c *catalogues) load(topic string) func(context.Context) (map[string]catalogueRecord, error) {
	return func(ctx context.Context) (map[string]catalogueRecord, error) {
		client, err := c.dial(ctx)
		if err != nil {
			return nil, err
		}
		starts, err := client.ListStartOffsets(ctx, topic)
		if err != nil {
			return nil, err
		}
		ends, err := client.ListEndOffsets(ctx, topic)
		if err != nil {
			return nil, err
		}
		if errors.Is(ends.Error(), kerr.UnknownTopicOrPartition) {
			return map[string]catalogueRecord{}, nil
		}
		if err := errors.Join(starts.Error(), ends.Error()); err != nil {
			return nil, needs(err, "DESCRIBE", topicType, topic)
		}
		remaining := map[int32]int64{} // end offset of each partition that holds something
		ends.Each(func(end kadm.ListedOffset) {
			if start, ok := starts.Lookup(topic, end.Partition); ok && start.Offset < end.Offset {
				remaining[end.Partition] = end.Offset
			}
		})
		records, err := readTo(ctx, c.settings.kafka, topic, remaining)
		if err != nil {
			return nil, needs(fmt.Errorf("read catalogue topic %q: %w", topic, err), "READ", topicType, topic)
		}
		return latestEntries(topic, records)
	}
}

// readTo reads a topic from its start up to the given offsets. Control records
// are kept since they, too, may stand before an end.
func readTo(ctx context.Context, cfg kafka.Config, topic string, remaining map[int32]int64) (map[string]*kgo.Record, error) {
	latest := map[string]*kgo.Record{}
	if len(remaining) == 0 {
		return latest, nil
	}
	from := map[int32]kgo.Offset{}
	for partition := range remaining {
		from[partition] = kgo.NewOffset().AtStart()
	}
	client, err := cfg.Client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.KeepControlRecords(),
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MaxDecompressBatchBytes(maxCatalogueBatch),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for len(remaining) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= remaining[r.Partition] {
				delete(remaining, r.Partition)
			}
			before := latest[string(r.Key)]
			if !r.Attrs.IsControl() && (before == nil || !r.Timestamp.Before(before.Timestamp)) {
				latest[string(r.Key)] = r
			}
		})
	}
	return latest, nil
}

// maxCatalogueBatch bounds a decompressed batch in bytes; an entry is a few KiB.
const maxCatalogueBatch = 64 << 20

func latestEntries(topic string, records map[string]*kgo.Record) (map[string]catalogueRecord, error) {
	all := make(map[string]catalogueRecord, len(records))
	for key, record := range records {
		if record.Value == nil {
			continue
		}
		var entry catalogueRecord
		if err := json.Unmarshal(record.Value, &entry); err != nil {
			return nil, fmt.Errorf("entry %q of catalogue topic %q (partition %d, offset %d) is not readable: %w",
				key, topic, record.Partition, record.Offset, err)
		}
		all[key] = entry
	}
	return all, nil
}

// write puts an entry, or with nil its tombstone, on the topic and waits until
// all in-sync replicas have it.
func (c *catalogues) write(ctx context.Context, topic, eventType string, entry *catalogueRecord) error {
	client, err := c.dial(ctx)
	if err != nil {
		return err
	}
	record := &kgo.Record{Topic: topic, Key: []byte(eventType)}
	if entry != nil {
		if record.Value, err = json.Marshal(entry); err != nil {
			return fmt.Errorf("encode catalogue entry: %w", err)
		}
	}
	defer c.of(topic).invalidate(eventType)
	ctx, cancel := context.WithTimeout(ctx, c.settings.requestTimeout)
	defer cancel()
	err = client.raw.ProduceSync(ctx, record).FirstErr()
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("the catalogue topic %q does not exist: make it with a headwater_topic whose cleanup.policy is compact, and let the entry depend on it: %w", topic, err)
	}
	return needs(err, "WRITE", topicType, topic)
}

// remains reports whether the catalogue topic exists: without it there is
// nothing left to put a tombstone on.
func (c *catalogues) remains(ctx context.Context, topic string) (bool, error) {
	client, err := c.dial(ctx)
	if err != nil {
		return false, err
	}
	details, err := client.ListTopics(ctx, topic)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(details.Sorted(), func(d kadm.TopicDetail) bool { return d.Topic == topic && d.Err == nil }), nil
}
