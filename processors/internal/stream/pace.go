package stream

import "time"

// pace bounds how many records one poll takes. They all end up in one
// transaction, which the broker aborts when it takes too long: a rule that waits
// 20 ms for something would need 100 s for [Limits.MaxRecords] records, and so
// for ever. A fast rule never meets the bound.
type pace struct {
	known     bool
	perRecord time.Duration // of the last poll
	last      int           // records that the last poll was allowed
	narrow    int           // most records of one transaction while a faulty one is looked for; 0 for no bound
}

const (
	paceFirst  = 16 // records of a task's first poll, when nothing is known
	paceGrowth = 8  // most by which one poll may be larger than the one before
)

// records is how many the next poll may take: a tenth of the transaction timeout
// of work.
func (p *pace) records(l Limits) int {
	if p.last == 0 {
		p.last = paceFirst
	}
	if p.known {
		budget := l.TransactionTimeout / 10
		p.last = min(int(budget/max(p.perRecord, 1)), p.last*paceGrowth)
	}
	p.last = max(min(p.last, l.MaxRecords), 1)
	if p.narrow > 0 {
		return min(p.last, p.narrow)
	}
	return p.last
}

// succeeded widens what a failure has narrowed.
func (p *pace) succeeded(l Limits) {
	if p.narrow *= 2; p.narrow >= l.MaxRecords {
		p.narrow = 0
	}
}

// took learns from n records that took d.
func (p *pace) took(n int, d time.Duration) {
	if n > 0 {
		p.known, p.perRecord = true, d/time.Duration(n)
	}
}

// countBusy counts the time since the last call that was not spent in polls.
func (t *task) countBusy() {
	now := time.Now()
	t.metrics.busy.Add(max(now.Sub(t.counted)-t.waited, 0).Seconds())
	t.counted, t.waited = now, 0
}
