package stream

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/topology"
)

// skip takes a range of offsets off the processor: each record of it becomes a
// dead letter and counts in the ledger as one, in the transaction that moves the
// offset behind it. What the log no longer has is noted.
func (o *operator) skip(ctx context.Context, wish topology.Skip) (topology.SkipReport, error) {
	report := topology.SkipReport{
		Processor: o.spec.Name, Topic: wish.Topic, Partition: wish.Partition, From: wish.From, To: wish.To, DryRun: wish.DryRun, By: wish.By, At: o.now,
	}
	tp := topicPartition{wish.Topic, wish.Partition}
	source, reads := o.spec.source(wish.Topic)
	if !reads {
		return report, fmt.Errorf("%s does not read %s: headwater topology %s shows what it reads", o.spec.Name, wish.Topic, o.spec.Name)
	}
	if err := o.idle(ctx); err != nil {
		return report, err
	}
	start, err := o.admits(ctx, tp, wish)
	if err != nil {
		return report, err
	}
	report.Deleted = min(max(start-wish.From, 0), wish.To+1-wish.From)
	reason := fmt.Sprintf("%s skipped offsets %d to %d of %s/%d at %s", wish.By, wish.From, wish.To, tp.topic, tp.partition, o.now.Format(time.RFC3339))
	fill := func(send func(*kgo.Record)) error {
		lines := make(map[minuteLine]*counts)
		err := o.scan(ctx, tp, max(start, wish.From), wish.To+1, func(r *kgo.Record) error {
			in := &Input{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value, Headers: r.Headers, Received: r.Timestamp}
			v := DeadLetter(Skipped, "%s", reason)
			if tooLarge(r.Key, r.Headers, len(r.Value)) {
				report.Emptied++
			}
			report.DeadLettered++
			o.count(lines, source, in.Received, v)
			send(deadLetterRecord(o.spec.Name, in, v, o.now))
			return nil
		})
		if err == nil {
			err = o.sendLines(ctx, wish.Partition, lines, send)
		}
		return err
	}
	if wish.DryRun {
		return report, fill(func(*kgo.Record) {})
	}
	move := topology.Move{Topic: wish.Topic, Partition: wish.Partition, From: wish.From, To: wish.To + 1}
	note := fmt.Sprintf("skip/%s/%s/%d/%d", o.spec.Name, wish.Topic, wish.Partition, wish.From)
	err = o.transact(ctx, note, &report, []topology.Move{move}, fill)
	return report, err
}

// admits checks the range against the group and the log, and returns where the
// log begins.
func (o *operator) admits(ctx context.Context, tp topicPartition, wish topology.Skip) (int64, error) {
	ends, err := o.ends(ctx, tp.topic)
	if err != nil {
		return 0, err
	}
	start, there := ends.start.Lookup(tp.topic, tp.partition)
	end, _ := ends.end.Lookup(tp.topic, tp.partition)
	if !there {
		return 0, fmt.Errorf("%s has no partition %d", tp.topic, tp.partition)
	}
	offsets, err := o.committed(ctx)
	if err != nil {
		return 0, err
	}
	at := committedAt(offsets, tp.topic, tp.partition)
	if at < 0 {
		at = start.Offset // where it would begin
	}
	switch {
	case wish.From != at:
		return 0, fmt.Errorf("%s is at offset %d of %s/%d: the range must begin there, and not at %d", o.spec.Name, at, tp.topic, tp.partition, wish.From)
	case wish.To < wish.From:
		return 0, fmt.Errorf("the range ends at %d, before it begins at %d", wish.To, wish.From)
	case wish.To >= end.Offset:
		return 0, fmt.Errorf("%s/%d ends at offset %d: the range must not end after it, at %d", tp.topic, tp.partition, end.Offset-1, wish.To)
	}
	return start.Offset, nil
}

// minuteLine names a line of the ledger of one partition.
type minuteLine struct {
	stage, suffix string // suffix as writeMinute has it
	minute        string
}

func (l minuteLine) stored() string { return runtimeKey(keyLedger, l.minute+l.suffix) }

func (l minuteLine) published(partition int32) string {
	return fmt.Sprintf("%s/%d/%s", l.stage, partition, l.minute)
}

// count counts one record under its line.
func (o *operator) count(lines map[minuteLine]*counts, source Source, received time.Time, v Verdict) {
	line := minuteLine{stage: o.spec.Name, minute: received.UTC().Truncate(time.Minute).Format(time.RFC3339)}
	if source.Stage != "" && source.Stage != o.spec.Name {
		line.stage, line.suffix = source.Stage, "/"+source.Stage
	}
	c := lines[line]
	if c == nil {
		c = &counts{}
		lines[line] = c
	}
	c.add(v)
}

// sendLines adds the counts to what the state holds and publishes the sums, as
// writeLedgers does for a task.
func (o *operator) sendLines(ctx context.Context, number int32, lines map[minuteLine]*counts, send func(*kgo.Record)) error {
	if len(lines) == 0 {
		return nil
	}
	topic := o.spec.State.Topic
	ends, err := o.ends(ctx, topic)
	if err != nil {
		return err
	}
	start, _ := ends.start.Lookup(topic, number)
	end, _ := ends.end.Lookup(topic, number)
	latest := make(map[string][]byte)
	err = o.scan(ctx, topicPartition{topic, number}, start.Offset, end.Offset, func(r *kgo.Record) error {
		if key := string(r.Key); strings.HasPrefix(key, runtimeKey(keyLedger, "")) {
			latest[key] = r.Value
		}
		return nil
	})
	if err != nil {
		return err
	}
	for line, c := range lines {
		total := parseCounts(latest[line.stored()])
		total.sum(c)
		total.updated = o.now
		send(&kgo.Record{Topic: topic, Partition: number, Key: []byte(line.stored()), Value: total.encode()})
		send(&kgo.Record{
			Topic: LedgerTopic, Partition: anyPartition, Key: []byte(line.published(number)),
			Value: total.minuteJSON(line.stage, number, line.minute),
		})
	}
	return nil
}
