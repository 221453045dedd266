package main

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"headwater.internal/platform/internal/mapping"
)

// sending is how events are sent.
type sending struct {
	senders int // requests at once
	batch   int // events per request
	rate    int // events a second at most; 0: no limit
}

func (s sending) check() error {
	if s.senders < 1 || s.batch < 1 || s.rate < 0 {
		return errors.New("--senders and --batch must be at least 1, --rate at least 0")
	}
	return nil
}

// transfer sends what each hands over. Reading waits for the senders, so that
// memory holds a few batches at most.
func transfer(ctx context.Context, s sending, d *delivery, each func(context.Context, func(mapping.Result) error) error) error {
	group, ctx := errgroup.WithContext(ctx)
	batches := make(chan []mapping.Result)
	for range s.senders {
		group.Go(func() error {
			for batch := range batches {
				if err := d.deliver(ctx, batch); err != nil {
					return err
				}
			}
			return nil
		})
	}
	// What was read before the file broke off is still to be delivered, so an
	// error of the file must not cancel the senders.
	readErr := s.fill(ctx, each, batches)
	close(batches)
	if err := group.Wait(); err != nil {
		return err
	}
	return readErr
}

// maxBatchBytes keeps a request well below what collectors take at once.
const maxBatchBytes = 512 << 10

// fill makes batches until there are no more events.
func (s sending) fill(ctx context.Context, each func(context.Context, func(mapping.Result) error) error, batches chan<- []mapping.Result) error {
	pace := pacer{rate: s.rate}
	var batch []mapping.Result
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := pace.wait(ctx, len(batch)); err != nil {
			return err
		}
		select {
		case batches <- batch:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		batch, size = nil, 0
		return nil
	}
	err := each(ctx, func(r mapping.Result) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if r.Outcome != mapping.Mapped {
			return nil
		}
		if n := len(r.Event.Data) + 300; size+n > maxBatchBytes || len(batch) == s.batch {
			if err := flush(); err != nil {
				return err
			}
		}
		batch = append(batch, r)
		size += len(r.Event.Data) + 300
		return nil
	})
	return errors.Join(err, flush())
}

// pacer spreads events over time.
type pacer struct {
	rate int // events a second; 0: no limit
	next time.Time
}

func (p *pacer) wait(ctx context.Context, n int) error {
	if p.rate == 0 {
		return nil
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(wait):
		return nil
	}
}
