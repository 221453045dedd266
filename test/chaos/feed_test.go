package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// feed writes the run's records onto the raw topics, at the run's rate.
func (p *platform) feed(ctx context.Context, s settings) error {
	kinds, err := p.kinds(ctx)
	if err != nil {
		return err
	}
	client, err := p.admin.Client(
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.RecordDeliveryTimeout(10*time.Second),
		kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	began := time.Now()
	g := newGenerator(s, kinds, began)
	for g.n < s.events {
		due := min(int(time.Since(began).Seconds()*float64(s.rate))+1, s.events)
		chunk := make([]*kgo.Record, 0, due-g.n)
		for g.n < due && len(chunk) < 2_000 {
			chunk = append(chunk, g.next())
		}
		if err := write(ctx, client, chunk); err != nil {
			return fmt.Errorf("feed event %d: %w", g.n, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// write writes the chunk until all of it is acknowledged. What was written by a
// try that failed comes twice, as from a sender that is not sure: a duplicate.
func write(ctx context.Context, client *kgo.Client, chunk []*kgo.Record) error {
	const patience = 2 * time.Minute
	for deadline := time.Now().Add(patience); ; {
		tries := make([]*kgo.Record, len(chunk))
		for i, r := range chunk {
			tries[i] = &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}
		}
		err := client.ProduceSync(ctx, tries...).FirstErr()
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
	}
}

// kinds is the mix, each with the schema that the catalogue declares.
func (p *platform) kinds(ctx context.Context) ([]*kind, error) {
	catalogue, err := event.NewCatalogue(p.admin, "")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	go func() { _ = catalogue.Run(ctx) }()
	select {
	case <-catalogue.CaughtUp():
	case <-ctx.Done():
		return nil, fmt.Errorf("read the catalogue: %w", context.Cause(ctx))
	}
	kinds := mix()
	for _, k := range kinds {
		entry, ok := catalogue.View().Type(k.eventType)
		if !ok {
			return nil, fmt.Errorf("read the catalogue: it does not declare %s", k.eventType)
		}
		if k.schema, err = event.CompileSchema(entry.SchemaID, entry.Schema); err != nil {
			return nil, err
		}
	}
	return kinds, nil
}
