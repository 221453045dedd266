package stream

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// steady is the interval that a rate leads to.
func steady(rate float64, l Limits) time.Duration {
	var t tempo
	for range 500 {
		open := t.interval(l) + 5*time.Millisecond
		t.ended(int(rate*open.Seconds()), open)
	}
	return t.interval(l)
}

// Defends latency: at the case study's rate transactions are as short as they
// may be, at ten times that they are long, and two hops still fit 500 ms.
func TestTransactionsGrowWithTheRate(t *testing.T) {
	l := DefaultLimits()
	for _, c := range []struct {
		rate     float64
		from, to time.Duration
	}{
		{0, l.CommitInterval, l.CommitInterval},
		{2_315, l.CommitInterval, l.CommitInterval},
		{8_000, 38 * time.Millisecond, 42 * time.Millisecond},
		{23_150, l.LongestInterval, l.LongestInterval},
	} {
		if d := steady(c.rate, l); d < c.from || d > c.to {
			t.Errorf("at %.0f records/s transactions stay open for %v, want %v to %v", c.rate, d, c.from, c.to)
		}
	}
}

// Defends the bounds: whatever comes, an interval lies between the two limits and
// a higher rate never shortens it; a fixed one stays as it is.
func TestIntervalsKeepTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := DefaultLimits()
		if rapid.Bool().Draw(t, "fixed") {
			l.fix(time.Duration(rapid.Int64Range(1, int64(time.Second)).Draw(t, "interval")))
		}
		var p, faster tempo
		for range rapid.IntRange(1, 30).Draw(t, "transactions") {
			n := rapid.IntRange(0, l.MaxRecords).Draw(t, "records")
			d := time.Duration(rapid.Int64Range(-1, int64(time.Minute)).Draw(t, "took"))
			p.ended(n, d)
			faster.ended(n+1+n/2, d)
			own, other := p.interval(l), faster.interval(l)
			if own < l.CommitInterval || own > l.LongestInterval || other < own {
				t.Fatalf("%v, at a higher rate %v, of %v to %v", own, other, l.CommitInterval, l.LongestInterval)
			}
			if pause := rest(l, own); pause < 0 || pause >= own || own == l.CommitInterval && pause > 0 {
				t.Fatalf("polls of a transaction of %v lie %v apart", own, pause)
			}
		}
	})
}

// Defends low latency after a burst: within three seconds of calm, transactions
// are short again.
func TestTransactionsShortenAfterABurst(t *testing.T) {
	l := DefaultLimits()
	var p tempo
	p.rate = 30_000
	for took := time.Duration(0); took < 3*time.Second; took += 50 * time.Millisecond {
		p.ended(50, 50*time.Millisecond)
	}
	if d := p.interval(l); d != l.CommitInterval {
		t.Errorf("transactions stay open for %v", d)
	}
}
