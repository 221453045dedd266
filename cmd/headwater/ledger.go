package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
)

// ledgerTopic is where refine counts, per import, what it has taken.
const ledgerTopic = "headwater.ledger"

// importLine is what refine has counted of one import on one partition.
type importLine struct {
	In           int64            `json:"in"`
	Applied      int64            `json:"applied"`
	Duplicate    int64            `json:"duplicate"`
	DeadLettered map[string]int64 `json:"dead_lettered"`
}

// importLedger follows the ledger lines of one import.
type importLedger struct {
	client *kgo.Client
	prefix string
	lines  map[string]importLine // by key: the latest record of a key counts
}

// openLedger notes where the ledger ends now; what the import causes comes after.
func openLedger(ctx context.Context, brokers kafka.Config, importID string) (*importLedger, error) {
	client, err := brokers.Client(
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MaxDecompressBatchBytes(64<<20),
		kgo.FetchMaxWait(500*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, ledgerTopic)
	if err = errors.Join(err, ends.Error()); err != nil {
		client.Close()
		return nil, fmt.Errorf("find the end of %s, which tells duplicates: %w (--no-wait imports without it)", ledgerTopic, err)
	}
	offsets := map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) { offsets[o.Partition] = kgo.NewOffset().At(o.Offset) })
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{ledgerTopic: offsets})
	return &importLedger{client: client, prefix: "import/" + importID + "/", lines: map[string]importLine{}}, nil
}

func (l *importLedger) close() { l.client.Close() }

// sum adds the partitions up.
func (l *importLedger) sum() importLine {
	total := importLine{DeadLettered: map[string]int64{}}
	for _, line := range l.lines {
		total.In += line.In
		total.Applied += line.Applied
		total.Duplicate += line.Duplicate
		for class, n := range line.DeadLettered {
			total.DeadLettered[class] += n
		}
	}
	return total
}

// settleTime is how long nothing more may come before an import counts as
// settled of which some events may have been stored twice.
const settleTime = 2 * time.Second

// balance waits until refine has counted accepted events. When some were sent
// twice because the first answer was lost, more may come than were accepted;
// then it also waits until no more comes. It gives up after patience without any
// change. progress is called with each new count.
func (l *importLedger) balance(ctx context.Context, accepted, resent int64, patience time.Duration, progress func(in int64)) (importLine, error) {
	changed := time.Now()
	for {
		total := l.sum()
		quiet := time.Since(changed)
		if total.In >= accepted && (resent == 0 || quiet >= settleTime) {
			return total, nil
		}
		if quiet >= patience {
			return total, fmt.Errorf("wait for refine: it has counted %d of the %d accepted events and nothing more for %s; "+
				"the events are safe on their topics: see headwater status for the tasks of refine, and import again later to see the duplicates", total.In, accepted, patience)
		}
		poll, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
		fetches := l.client.PollFetches(poll)
		cancel()
		if ctx.Err() != nil {
			return total, context.Cause(ctx)
		}
		before := len(l.lines)
		fetches.EachRecord(l.take)
		if now := l.sum(); now.In != total.In || len(l.lines) != before {
			changed = time.Now()
			progress(now.In)
		}
	}
}

func (l *importLedger) take(r *kgo.Record) {
	key := string(r.Key)
	if !strings.HasPrefix(key, l.prefix) || r.Value == nil {
		return
	}
	var line importLine
	if json.Unmarshal(r.Value, &line) == nil {
		l.lines[key] = line
	}
}
