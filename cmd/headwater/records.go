package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/event"
)

// decoded is a record made readable. Value is the Avro value as JSON, JSON as it
// is, or the bytes as base64.
type decoded struct {
	Topic       string         `json:"topic"`
	Partition   int32          `json:"partition"`
	Offset      int64          `json:"offset"`
	Key         *string        `json:"key"`                    // null: none
	KeyEncoding string         `json:"key_encoding,omitempty"` // base64, when the key is no text
	Timestamp   string         `json:"timestamp"`              // RFC 3339, UTC
	Headers     headerMap      `json:"headers"`
	Value       jsontext.Value `json:"value"`               // null: a tombstone
	Encoding    string         `json:"encoding,omitempty"`  // of the value: avro, json or base64
	SchemaID    int            `json:"schema_id,omitempty"` // when the encoding is avro
	Problem     string         `json:"problem,omitempty"`   // why the value is base64 although it looked like Avro
}

// headerMap holds headers by key; of two with one key the later counts.
type headerMap map[string]string

// decoder makes records readable. A registry that cannot be reached is reported
// in each record's Problem.
type decoder struct{ registry *event.Registry }

// processedTopic carries events within events.
const processedTopic = "processed.customer-events"

// record decodes one record. It never fails: what cannot be read is given as
// base64.
func (d *decoder) record(ctx context.Context, r *kgo.Record) decoded {
	out := decoded{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		Timestamp: r.Timestamp.UTC().Format(time.RFC3339Nano),
		Headers:   headerMap{},
	}
	if r.Key != nil {
		key, encoding := textOrBase64(r.Key)
		out.Key, out.KeyEncoding = &key, encoding
	}
	for _, h := range r.Headers {
		out.Headers[h.Key], _ = textOrBase64(h.Value)
	}
	d.value(ctx, r, &out)
	return out
}

func textOrBase64(b []byte) (text, encoding string) {
	if utf8.Valid(b) {
		return string(b), ""
	}
	return base64.StdEncoding.EncodeToString(b), "base64"
}

func (d *decoder) value(ctx context.Context, r *kgo.Record, out *decoded) {
	state := strings.HasPrefix(r.Topic, "state.") // the runtime's own format
	if r.Value == nil {
		out.Value = jsontext.Value("null")
		return
	}
	if id, err := event.SchemaID(r.Value); err == nil && !state {
		value, err := d.avro(ctx, id, r)
		if err == nil {
			out.Value, out.Encoding, out.SchemaID = value, "avro", id
			return
		}
		out.Problem = err.Error()
	}
	if v := jsontext.Value(bytes.Clone(r.Value)); !state && v.Compact() == nil {
		out.Value, out.Encoding = v, "json"
		return
	}
	text, _ := jsontext.AppendQuote(nil, base64.StdEncoding.EncodeToString(r.Value))
	out.Value, out.Encoding = text, "base64"
}

func (d *decoder) avro(ctx context.Context, id int, r *kgo.Record) (jsontext.Value, error) {
	if d.registry == nil {
		return nil, errors.New("no schema registry is known")
	}
	schema, err := d.registry.Schema(ctx, id)
	if err != nil {
		return nil, err
	}
	value, err := schema.JSON(r.Value)
	if err != nil || r.Topic != processedTopic {
		return value, err
	}
	return d.inner(ctx, value)
}

// inner replaces the bytes of an event within a processed record by the event.
func (d *decoder) inner(ctx context.Context, value jsontext.Value) (jsontext.Value, error) {
	var members map[string]jsontext.Value
	var processed struct {
		SchemaID int    `json:"schema_id"`
		Data     []byte `json:"data"`
	}
	if json.Unmarshal(value, &members) != nil || json.Unmarshal(value, &processed) != nil {
		return value, nil //nolint:nilerr // another shape than ours is shown as it is
	}
	schema, err := d.registry.Schema(ctx, processed.SchemaID)
	if err != nil {
		return nil, err
	}
	data, err := schema.JSONBody(processed.Data)
	if err != nil {
		return nil, fmt.Errorf("decode data: %w", err)
	}
	members["data"] = data
	return json.Marshal(members, json.Deterministic(true))
}

// line words the record in one line for people.
func (r decoded) line() string {
	key := "-"
	if r.Key != nil {
		key = *r.Key
	}
	var about strings.Builder
	for _, name := range []string{event.HeaderType, event.HeaderTime, event.HeaderID, "dl_class", "dl_reason"} {
		if v := r.Headers[name]; v != "" {
			fmt.Fprintf(&about, " %s=%s", strings.TrimPrefix(name, "ce_"), v)
		}
	}
	value := string(r.Value)
	if r.Encoding == "base64" {
		value = "base64 " + value
	}
	return fmt.Sprintf("%s %s/%d@%d key=%s%s %s", r.Timestamp, r.Topic, r.Partition, r.Offset, key, about.String(), value)
}
