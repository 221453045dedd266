package main

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/archive"
	"headwater.internal/platform/internal/event"
	"headwater.internal/platform/internal/kafka"
)

// held is what the platform's processed topic holds of a time range, as 8 bytes an
// event: with a billion of them one in twenty is taken for another by mistake.
type held struct {
	seed maphash.Seed
	ids  map[uint64]struct{}
	// reachesTo is the receipt before which the topic may have dropped events; zero
	// where it never dropped any.
	reachesTo time.Time
}

func (h *held) hash(eventType, source, id string) uint64 {
	return maphash.Comparable(h.seed, [3]string{eventType, source, id})
}

func (h *held) has(r archive.Row) bool {
	_, ok := h.ids[h.hash(r.Type, r.Source, r.ID)]
	return ok
}

// expired says that the topic cannot tell whether the event was on it.
func (h *held) expired(r archive.Row) bool {
	return time.UnixMilli(r.ReceivedTime).Before(h.reachesTo)
}

// readHeld reads the processed topic from since on: an event is received at most
// [event.MaxAhead] before it happens.
func readHeld(ctx context.Context, brokers kafka.Config, since time.Time) (*held, error) {
	h := &held{seed: maphash.MakeSeed(), ids: make(map[uint64]struct{})}
	f, err := followSince(ctx, brokers, processedTopic, since.Add(-event.MaxAhead))
	if err != nil {
		return nil, err
	}
	defer f.close()
	if err := h.reach(ctx, f); err != nil {
		return nil, err
	}
	err = f.drain(ctx, func(r *kgo.Record) error {
		if e, err := event.ParseHeaders(r.Headers); err == nil { // no other came through the collector
			h.ids[h.hash(e.Type, e.Source, e.ID)] = struct{}{}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what the platform holds: %w", err)
	}
	return h, nil
}

// reach finds how far back the topic goes: partitions that begin at 0 have lost
// nothing, the others what came before their first record.
func (h *held) reach(ctx context.Context, f *follower) error {
	admin := kadm.NewClient(f.client)
	starts, err := admin.ListStartOffsets(ctx, f.topic)
	if err = errors.Join(err, starts.Error()); err != nil {
		return fmt.Errorf("find where %s begins: %w", f.topic, err)
	}
	begins, err := admin.ListOffsetsAfterMilli(ctx, 0, f.topic)
	if err = errors.Join(err, begins.Error()); err != nil {
		return fmt.Errorf("find when %s begins: %w", f.topic, err)
	}
	starts.Each(func(o kadm.ListedOffset) {
		if o.Offset == 0 {
			return
		}
		first, ok := begins.Lookup(o.Topic, o.Partition)
		at := time.UnixMilli(first.Timestamp)
		if !ok || first.Timestamp < 0 {
			at = time.Now() // all of it was dropped
		}
		if at.After(h.reachesTo) {
			h.reachesTo = at
		}
	})
	return nil
}
