package chaos

import (
	"context"
	"time"

	"headwater.internal/platform/schemas/aggregates"
	"headwater.internal/platform/schemas/processed"
	"headwater.internal/platform/schemas/repartition"
)

const (
	// balanceTime bounds the wait for the ledger to balance and for everything
	// that can be final to be so.
	balanceTime = 4 * time.Minute
	// quietTime is how long nothing may be written before the wait is given up
	// and the damage looked at: longer than the group and a transaction take to
	// time out together. The control's ledger never balances: it always waits.
	quietTime        = 25 * time.Second
	quietTimeControl = 15 * time.Second
)

// awaitBalance reads until the stages have accounted for every record and
// closed what they can, or have stopped doing anything.
func (o *observer) awaitBalance(s settings) {
	o.p.t.Helper()
	ctx, cancel := context.WithTimeout(o.p.t.Context(), balanceTime)
	defer cancel()
	quiet := quietTime
	if s.unsafe {
		quiet = quietTimeControl
	}
	grewAt := time.Now()
	for ctx.Err() == nil {
		grew, whole, err := o.catchUp(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			o.p.t.Fatalf("read what was written: %v", err)
		case grew:
			grewAt = time.Now()
		case time.Since(grewAt) > quiet:
			return
		case !s.unsafe && whole && o.balanced() && o.closed():
			return
		}
		_ = pause(ctx, 200*time.Millisecond)
	}
	o.p.t.Logf("the stages are still at work after %s", balanceTime)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// asides are the stages that take in what a processor reads beside its stream.
var asides = map[string][]string{
	"sessionize.identity": {processed.IdentityLinkTopic, repartition.SessionPieceTopic},
	"aggregate.identity":  {processed.IdentityLinkTopic, repartition.CountChangeTopic},
}

// balanced says whether each stage has accounted for all that came to it.
func (o *observer) balanced() bool {
	totals := o.totals()
	for stage, topics := range asides {
		written := int64(0)
		for _, topic := range topics {
			written += o.records[topic]
		}
		if totals[stage].In < written {
			return false
		}
	}
	return totals["refine"].In >= o.rawRecords() &&
		totals["sessionize"].In >= totals["refine"].Applied &&
		totals["aggregate"].In >= totals["refine"].Applied
}

// totals sums the ledger by stage.
func (o *observer) totals() map[string]ledgerLine {
	totals := make(map[string]ledgerLine)
	for _, line := range o.ledger {
		total := totals[line.Stage]
		if total.DeadLettered == nil {
			total.DeadLettered = make(map[string]int64)
		}
		total.In += line.In
		total.Applied += line.Applied
		total.Duplicate += line.Duplicate
		total.Late += line.Late
		total.Out += line.Out
		for class, n := range line.DeadLettered {
			total.DeadLettered[class] += n
		}
		totals[line.Stage] = total
	}
	return totals
}

// closed says whether every session is final, and every window that is over.
func (o *observer) closed() bool {
	for _, s := range o.sessions.live() {
		if s.State != aggregates.SessionStateFinal {
			return false
		}
	}
	for _, c := range o.counts.live() {
		if mustBeFinal(c, o.readAt) && c.State != aggregates.CountStateFinal {
			return false
		}
	}
	return true
}

// mustBeFinal says whether the window is over for long enough: clocks of idle
// partitions are about a second behind.
func mustBeFinal(c aggregates.EventCount, now time.Time) bool {
	return c.Window != aggregates.WindowAllTime && windowEnd(c).Add(grace+settle+5*time.Second).Before(now)
}

func windowEnd(c aggregates.EventCount) time.Time {
	switch c.Window {
	case aggregates.WindowMinute:
		return c.Start.Add(time.Minute)
	case aggregates.WindowHour:
		return c.Start.Add(time.Hour)
	default:
		return c.Start.Add(24 * time.Hour)
	}
}
