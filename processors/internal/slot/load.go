package slot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"headwater.internal/platform/internal/capacity"
)

const (
	reportEach = 5 * time.Second
	// fresh is how old a report of a task that lives may be: it misses two, and
	// clocks differ a little.
	fresh = 15 * time.Second
)

// Load is what a task counts, for the scaling law.
type Load struct {
	Process     string  `json:"process"` // that counts: a new one counts from zero
	Records     float64 `json:"records"` // data records handled
	BusySeconds float64 `json:"busy_seconds"`
	LagSeconds  float64 `json:"lag_seconds"` // age of the record handled last, while it is behind
	At          int64   `json:"at"`          // Unix milliseconds
}

// report writes the load beside the slot: as metadata of an offset that nobody
// reads from, committed as the member that holds the slot. A failure is said once, and
// is the reader's to notice, by the report's age; the next one is seconds away.
func (l *Lease) report(ctx context.Context) {
	load := l.wish.Load()
	load.At = time.Now().UnixMilli()
	text, err := json.Marshal(load)
	if err != nil {
		return // not reachable: numbers and a word
	}
	metadata := string(text)
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Metadata = int32(l.Number), &metadata //nolint:gosec // slots are few
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic, t.Partitions = l.wish.Topic, append(t.Partitions, p)
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation, req.MemberID, req.InstanceID = Group(l.wish.Processor), l.epoch, l.member, &l.instance
	req.Topics = append(req.Topics, t)
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	resp, err := req.RequestWith(ctx, l.client)
	if err == nil {
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
			}
		}
	}
	if ctx.Err() != nil || errors.Is(err, kerr.StaleMemberEpoch) {
		return
	}
	said := l.unreported
	if l.unreported = ""; err != nil {
		l.unreported = err.Error()
	}
	if err != nil && l.unreported != said {
		l.wish.Log.Warn("report the load; the scaling law does not see this task", "topic", l.wish.Topic, "slot", l.Number, "err", err)
	}
}

// Loads reads what the holders of a processor's slots reported last. A task whose
// report is older than 15 s is taken for gone. No report at all is no error.
func Loads(ctx context.Context, admin *kadm.Client, processor string, now time.Time) ([]capacity.Task, error) {
	offsets, err := admin.FetchOffsets(ctx, Group(processor))
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("read the loads of %s from group %s: %w", processor, Group(processor), err)
	}
	var tasks []capacity.Task
	for _, o := range offsets.Sorted() {
		var load Load
		if o.Err != nil || json.Unmarshal([]byte(o.Metadata), &load) != nil {
			continue
		}
		if age := now.Sub(time.UnixMilli(load.At)); age.Abs() > fresh {
			continue
		}
		tasks = append(tasks, capacity.Task{
			ID: fmt.Sprintf("%d/%s", o.Partition, load.Process), Records: load.Records, BusySeconds: load.BusySeconds, LagSeconds: load.LagSeconds,
		})
	}
	return tasks, nil
}
