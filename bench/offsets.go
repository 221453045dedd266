package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/schemas/processed"
)

func (p *platform) ends(ctx context.Context, topics []string) (kadm.ListedOffsets, error) {
	ends, err := p.admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, err
	}
	return ends, ends.Error()
}

// records counts the records of topics: offsets would count transactions'
// markers too.
func (p *platform) records(ctx context.Context, topics []string) (float64, error) {
	count := 0.0
	err := p.each(ctx, topics, func(*kgo.Record) error { count++; return nil })
	return count, err
}

// each reads the committed records that topics hold now.
func (p *platform) each(ctx context.Context, topics []string, take func(*kgo.Record) error) error {
	ends, err := p.ends(ctx, topics)
	if err != nil {
		return err
	}
	left := make(map[string]map[int32]int64)
	partitions := make(map[string]map[int32]kgo.Offset)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset == 0 {
			return
		}
		if left[o.Topic] == nil {
			left[o.Topic], partitions[o.Topic] = make(map[int32]int64), make(map[int32]kgo.Offset)
		}
		left[o.Topic][o.Partition] = o.Offset
		partitions[o.Topic][o.Partition] = kgo.NewOffset().AtStart()
	})
	if len(left) == 0 {
		return nil
	}
	client, err := p.place.AdminConfig(p.secrets).Client(
		kgo.ConsumePartitions(partitions), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for len(left) > 0 && err == nil {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() && err == nil {
				err = take(r)
			}
			if r.Offset+1 >= left[r.Topic][r.Partition] {
				if delete(left[r.Topic], r.Partition); len(left[r.Topic]) == 0 {
					delete(left, r.Topic)
				}
			}
		})
	}
	return err
}

// committed is how far a group has come on topics, in records of inputs that
// hold no markers.
func (p *platform) committed(ctx context.Context, group string, topics []string) (float64, error) {
	offsets, err := p.admin.FetchOffsets(ctx, group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	sum := 0.0
	offsets.Each(func(o kadm.OffsetResponse) {
		if slices.Contains(topics, o.Topic) {
			sum += float64(max(o.At, 0))
		}
	})
	return sum, nil
}

// lag is how many records the processors have yet to take: raw ones by refine,
// processed ones by sessionize and by aggregate.
func (p *platform) lag(ctx context.Context, raw []string) (float64, error) {
	sum := 0.0
	for group, topics := range map[string][]string{"refine": raw, "sessionize": {processed.CustomerEventTopic}, "aggregate": {processed.CustomerEventTopic}} {
		ends, err := p.ends(ctx, topics)
		if err != nil {
			return 0, err
		}
		committed, err := p.admin.FetchOffsets(ctx, group)
		if err != nil {
			return 0, err
		}
		ends.Each(func(o kadm.ListedOffset) {
			at, _ := committed.Lookup(o.Topic, o.Partition)
			sum += float64(max(o.Offset-max(at.At, 0), 0))
		})
	}
	return sum, nil
}
