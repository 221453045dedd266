package stream

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Headers that a dead letter has on top of those it came with.
const (
	headerClass     = "dl_class"
	headerStage     = "dl_stage"
	headerReason    = "dl_reason"
	headerTopic     = "dl_topic"
	headerPartition = "dl_partition"
	headerOffset    = "dl_offset"
	headerTimestamp = "dl_timestamp" // of the original record
	headerTime      = "dl_time"      // when it became a dead letter
)

const (
	// maxRecordBytes bounds an output record: below Kafka's default
	// max.message.bytes by what a batch adds around it.
	maxRecordBytes = 1_000_000
	// maxDeadLetterBytes bounds a batch of dead letters. The topic takes larger
	// records than any source, since a dead letter is a record plus its headers.
	maxDeadLetterBytes = 16 << 20

	maxReasonBytes = 4 << 10
)

// tooLarge says that dead-letters takes no record with so much around its value.
func tooLarge(key []byte, headers []kgo.RecordHeader, value int) bool {
	return recordBytes(&kgo.Record{Key: key, Headers: headers})+value > maxDeadLetterBytes-4*maxReasonBytes
}

// deadLetterRecord is the record as it came, with why and where it came from. Of one
// that dead-letters does not take for its size the value is left out, and then all
// but where it came from: the entry stands, and the original does where it was.
func deadLetterRecord(stage string, in *Input, v Verdict, now time.Time) *kgo.Record {
	reason := v.reason
	if len(reason) > maxReasonBytes {
		reason = reason[:maxReasonBytes] + "..."
	}
	key, value, given := in.Key, in.Value, in.Headers
	if tooLarge(key, given, len(value)) {
		reason += fmt.Sprintf("; its value of %d bytes is left out, %s takes none so large", len(value), DeadLetterTopic)
		value = nil
		if tooLarge(key, given, 0) {
			reason += ", its key and headers too"
			key, given = nil, nil
		}
	}
	headers := make([]kgo.RecordHeader, 0, len(given)+8)
	for _, h := range given {
		if len(h.Key) > 3 && h.Key[:3] == "dl_" {
			continue // it was a dead letter before and was sent again as it is
		}
		headers = append(headers, kgo.RecordHeader{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	for _, h := range [...][2]string{
		{headerClass, string(v.class)},
		{headerStage, stage},
		{headerReason, reason},
		{headerTopic, in.Topic},
		{headerPartition, strconv.Itoa(int(in.Partition))},
		{headerOffset, strconv.FormatInt(in.Offset, 10)},
		{headerTimestamp, in.Received.UTC().Format(time.RFC3339Nano)},
		{headerTime, now.UTC().Format(time.RFC3339Nano)},
	} {
		headers = append(headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return &kgo.Record{
		Topic:     DeadLetterTopic,
		Partition: anyPartition,
		Key:       bytes.Clone(key),
		Value:     bytes.Clone(value),
		Headers:   headers,
	}
}

// recordBytes is about what the record takes in a batch.
func recordBytes(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value) + 64
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value) + 10
	}
	return n
}

func appendJSONString(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil { // invalid UTF-8, which AppendQuote has replaced
		return out
	}
	return out
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
