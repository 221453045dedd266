package stream

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// However slow a rule is, what it polls fits its transaction; a fast one gets
// all it asks for after a few polls.
func TestPaceFitsTheTransaction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := DefaultLimits()
		each := time.Duration(rapid.Int64Range(1, int64(400*time.Millisecond)).Draw(t, "per record"))
		var p pace
		for i := range 8 {
			n := p.records(l)
			if took := time.Duration(n) * each; took > l.TransactionTimeout*9/10 {
				t.Fatalf("poll %d takes %d records of %v: %v", i, n, each, took)
			}
			if fits := int(l.TransactionTimeout / 10 / each); i == 7 && n < min(fits, l.MaxRecords) {
				t.Errorf("%d records of %v after %d polls, %d would fit", n, each, i, fits)
			}
			p.took(n, time.Duration(n)*each)
		}
	})
}
