package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/schemas/browsing"
	"headwater.internal/platform/schemas/checkout"
	"headwater.internal/platform/schemas/processed"
)

// The limit: consume, decode, encode, produce, in Kafka transactions, with
// nothing else. It has the client settings of a processor, and as few
// instructions around them as there can be.

// copyVerb makes this program the copy.
const copyVerb = "copy"

// Variables that tell the copy what to do.
const (
	envCopyFrom = "BENCH_COPY_FROM" // input topics, as a regular expression
	envCopyTo   = "BENCH_COPY_TO"   // output topic
	envCopyAvro = "BENCH_COPY_AVRO" // "true" to decode and encode each value
	copyGroup   = "bench-copy"
)

// What a processor commits by, from processors/internal/stream.
const (
	commitInterval = 20 * time.Millisecond
	maxRecords     = 5_000
)

// copier copies one value.
type copier struct {
	schemas map[int]*event.Schema
	targets map[int]func() any // what to decode into, empty, by schema id
	buf     []byte
}

func runCopy(ctx context.Context) error {
	cfg, err := kafka.FromEnvironment()
	if err != nil {
		return err
	}
	registry, err := event.NewRegistry(os.Getenv("HEADWATER_SCHEMA_REGISTRY_URL"))
	if err != nil {
		return err
	}
	options, err := cfg.Options()
	if err != nil {
		return err
	}
	session, err := kgo.NewGroupTransactSession(append(options, copyOptions()...)...)
	if err != nil {
		return err
	}
	defer session.Close()
	c := copier{schemas: make(map[int]*event.Schema), targets: make(map[int]func() any)}
	to, decodes := os.Getenv(envCopyTo), os.Getenv(envCopyAvro) == "true"
	for ctx.Err() == nil {
		if err := copyOnce(ctx, session, func(r *kgo.Record) (*kgo.Record, error) {
			value := r.Value
			if decodes {
				var err error
				if value, err = c.value(ctx, registry, r); err != nil {
					return nil, err
				}
			}
			return &kgo.Record{Topic: to, Key: r.Key, Value: value, Headers: r.Headers, Timestamp: r.Timestamp}, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// copyOptions are the options of a processor's client that cost or save time.
func copyOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(copyGroup),
		kgo.TransactionalID(copyGroup),
		kgo.ConsumeTopics(os.Getenv(envCopyFrom)),
		kgo.ConsumeRegex(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(4 << 20),
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(250 * time.Millisecond), // until the commit
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}
}

// copyOnce is one transaction.
func copyOnce(ctx context.Context, session *kgo.GroupTransactSession, one func(*kgo.Record) (*kgo.Record, error)) error {
	var begun time.Time
	var failed error
	count := 0
	for ctx.Err() == nil && failed == nil && count < maxRecords && (begun.IsZero() || time.Since(begun) < commitInterval) {
		wait := time.Second
		if !begun.IsZero() {
			wait = commitInterval - time.Since(begun)
		}
		polling, cancel := context.WithTimeout(ctx, wait)
		fetches := session.PollRecords(polling, maxRecords)
		cancel()
		if fetches.NumRecords() > 0 && begun.IsZero() {
			begun = time.Now()
			if err := session.Begin(); err != nil {
				return err
			}
		}
		fetches.EachRecord(func(r *kgo.Record) {
			out, err := one(r)
			if err != nil {
				failed = err
				return
			}
			session.Produce(ctx, out, func(_ *kgo.Record, err error) {
				if err != nil {
					fmt.Fprintln(os.Stderr, "copy:", err)
				}
			})
			count++
		})
	}
	if begun.IsZero() {
		return failed
	}
	_, err := session.End(context.WithoutCancel(ctx), failed == nil)
	return errors.Join(failed, err)
}

// value decodes and encodes a value with the schema that it was written with.
func (c *copier) value(ctx context.Context, registry *event.Registry, r *kgo.Record) ([]byte, error) {
	id, err := event.SchemaID(r.Value)
	if err != nil {
		return nil, err
	}
	schema := c.schemas[id]
	if schema == nil {
		if schema, err = registry.Schema(ctx, id); err != nil {
			return nil, err
		}
		c.schemas[id], c.targets[id] = schema, target(r.Topic)
	}
	into := c.targets[id]()
	if err := schema.Decode(r.Value, into); err != nil {
		return nil, err
	}
	if c.buf, err = schema.Encode(c.buf[:0], into); err != nil {
		return nil, err
	}
	return append([]byte(nil), c.buf...), nil
}

// target is what a topic's values are decoded into: one value, made empty for
// each record.
func target(topic string) func() any {
	switch topic {
	case browsing.PageViewedTopic:
		return reused[browsing.PageViewed]()
	case browsing.ProductViewedTopic:
		return reused[browsing.ProductViewed]()
	case checkout.OrderPlacedTopic:
		return reused[checkout.OrderPlaced]()
	default:
		return reused[processed.CustomerEvent]()
	}
}

func reused[T any]() func() any {
	into := new(T)
	return func() any {
		var empty T
		*into = empty
		return into
	}
}

// exactly is the regular expression of these names.
func exactly(topics ...string) string {
	quoted := make([]string, len(topics))
	for i, t := range topics {
		quoted[i] = regexp.QuoteMeta(t)
	}
	return "^(" + strings.Join(quoted, "|") + ")$"
}
