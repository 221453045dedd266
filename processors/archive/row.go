package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/archive"
	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/schemas/processed"
)

// readRow makes a row of a processed record. One that cannot be read is kept as it
// is, with why; the error is that of a registry that cannot be asked.
func readRow(ctx context.Context, registry *event.Registry, r *kgo.Record) (row archive.Row, why, err error) {
	row, why = decodeRow(ctx, registry, r)
	var unreachable *event.RegistryError
	if errors.As(why, &unreachable) {
		return row, nil, why
	}
	if why != nil {
		row.Undecoded = r.Value
	}
	row.Partition, row.Offset = r.Partition, r.Offset
	return row, why, nil
}

func decodeRow(ctx context.Context, registry *event.Registry, r *kgo.Record) (archive.Row, error) {
	bare := archive.Row{
		Customer: strings.ToValidUTF8(string(r.Key), "\ufffd"),
		Time:     r.Timestamp.UnixMilli(), ReceivedTime: r.Timestamp.UnixMilli(),
	}
	outer, err := schemaOf(ctx, registry, r.Value)
	if err != nil {
		return bare, err
	}
	var e processed.CustomerEvent
	if err := outer.Decode(r.Value, &e); err != nil {
		return bare, err
	}
	envelope, err := event.ParseHeaders(r.Headers)
	if err != nil {
		return bare, err
	}
	inner, err := registry.Schema(ctx, int(e.SchemaID))
	if err != nil {
		return bare, err
	}
	data, err := inner.JSONBody(e.Data)
	if err != nil {
		return bare, err
	}
	return archive.Row{
		Type: e.Type, Source: e.Source, ID: e.ID, Customer: e.Customer,
		Subject: event.Optional(envelope.Subject), AnonymousID: event.Optional(envelope.AnonymousID),
		Time: e.Time.UnixMilli(), ReceivedTime: e.ReceivedTime.UnixMilli(),
		OriginalTime: millis(e.OriginalTime), Untimed: envelope.Untimed,
		ImportID: e.ImportID, RevenueMicros: e.RevenueMicros,
		SchemaID: e.SchemaID, Data: string(data),
	}, nil
}

func schemaOf(ctx context.Context, registry *event.Registry, value []byte) (*event.Schema, error) {
	id, err := event.SchemaID(value)
	if err != nil {
		return nil, fmt.Errorf("read processed event: %w", err)
	}
	return registry.Schema(ctx, id)
}

func millis(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}
