package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/local"
	"headwater.internal/platform/schemas/aggregates"
)

// stage is what one processor counted, over all partitions and minutes.
type stage struct {
	In           int64            `json:"in"`
	Applied      int64            `json:"applied"`
	Duplicate    int64            `json:"duplicate"`
	Late         int64            `json:"late"`
	DeadLettered map[string]int64 `json:"dead_lettered"`
}

// readStages sums the ledger by processor.
func readStages(ctx context.Context, place local.Place, secrets local.Secrets) (map[string]stage, error) {
	lines, err := latestValues(ctx, place, secrets, ledgerTopic)
	if err != nil {
		return nil, err
	}
	stages := map[string]stage{}
	for key, value := range lines {
		name, _, _ := strings.Cut(key, "/")
		var line stage
		if name == "import" || name == "operator" || json.Unmarshal(value, &line) != nil {
			continue
		}
		sum := stages[name]
		sum.In += line.In
		sum.Applied += line.Applied
		sum.Duplicate += line.Duplicate
		sum.Late += line.Late
		for class, n := range line.DeadLettered {
			if sum.DeadLettered == nil {
				sum.DeadLettered = map[string]int64{}
			}
			sum.DeadLettered[class] += n
		}
		stages[name] = sum
	}
	return stages, nil
}

// latestValues reads a compacted topic: the last value of each key, without
// tombstones.
func latestValues(ctx context.Context, place local.Place, secrets local.Secrets, topic string) (map[string][]byte, error) {
	f, err := follow(ctx, place.AdminConfig(secrets), topic, true)
	if err != nil {
		return nil, err
	}
	defer f.close()
	values := map[string][]byte{}
	err = f.drain(ctx, func(r *kgo.Record) error {
		if r.Value == nil {
			delete(values, string(r.Key))
		} else {
			values[string(r.Key)] = slices.Clone(r.Value)
		}
		return nil
	})
	return values, err
}

// sessionTotals is what aggregates.sessions holds.
type sessionTotals struct {
	Sessions  int64 `json:"sessions"`
	Open      int64 `json:"open"`
	Final     int64 `json:"final"`
	Customers int64 `json:"customers"`
}

// countTotals is what aggregates.event-counts holds for all types and all time.
type countTotals struct {
	Events          int64 `json:"events"`
	UniqueCustomers int64 `json:"unique_customers"`
	RevenueMicros   int64 `json:"revenue_micros"`
	Windows         int64 `json:"windows"` // counts kept, over all types and windows
}

func readSessions(ctx context.Context, place local.Place, secrets local.Secrets) (sessionTotals, error) {
	var totals sessionTotals
	customers := map[string]bool{}
	err := eachValue(ctx, place, secrets, aggregates.SessionTopic, func(s *aggregates.Session) {
		totals.Sessions++
		if s.State == aggregates.SessionStateFinal {
			totals.Final++
		} else {
			totals.Open++
		}
		customers[s.Customer] = true
	})
	totals.Customers = int64(len(customers))
	return totals, err
}

func readCounts(ctx context.Context, place local.Place, secrets local.Secrets) (countTotals, error) {
	var totals countTotals
	err := eachValue(ctx, place, secrets, aggregates.EventCountTopic, func(c *aggregates.EventCount) {
		totals.Windows++
		if c.Type == "*" && c.Window == aggregates.WindowAllTime {
			totals.Events += c.Events
			totals.UniqueCustomers += c.UniqueCustomers
			totals.RevenueMicros += c.RevenueMicros
		}
	})
	return totals, err
}

// eachValue decodes the latest values of a compacted Avro topic.
func eachValue[V any](ctx context.Context, place local.Place, secrets local.Secrets, topic string, use func(*V)) error {
	registry, err := event.NewRegistry(place.RegistryURL)
	if err != nil {
		return err
	}
	values, err := latestValues(ctx, place, secrets, topic)
	if err != nil {
		return err
	}
	for key, value := range values {
		id, err := event.SchemaID(value)
		if err != nil {
			return fmt.Errorf("read %s, key %s: %w", topic, key, err)
		}
		schema, err := registry.Schema(ctx, id)
		if err != nil {
			return fmt.Errorf("read %s, key %s: %w", topic, key, err)
		}
		var v V
		if err := schema.Decode(value, &v); err != nil {
			return fmt.Errorf("read %s, key %s: %w", topic, key, err)
		}
		use(&v)
	}
	return nil
}
