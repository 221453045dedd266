package stream

import (
	"math"
	"time"
)

// tempo decides how long a transaction stays open. What a commit costs does not
// depend on what it holds: a batch and a marker on each partition, three round
// trips, and the same again in the brokers. While few records come, a short
// transaction is worth its price in latency; the more come, the longer it is,
// in proportion to their rate, so that the cost per record falls with the square
// of the rate while latency grows with the rate only.
type tempo struct {
	rate float64 // records per second, smoothed
}

const (
	// calmRate is the highest rate of one task at which transactions are as short
	// as they may be.
	calmRate = 4_000
	// tempoMemory is how long a rate that has changed takes to count by two thirds.
	tempoMemory = time.Second
	// pollsPerTransaction bounds how often a transaction longer than the shortest
	// asks for records. Each answer of a broker costs about as much as 20 records.
	pollsPerTransaction = 6
)

// ended learns from a transaction of n records, d after the end of the one before.
func (t *tempo) ended(n int, d time.Duration) {
	if d <= 0 {
		return
	}
	weight := -math.Expm1(-d.Seconds() / tempoMemory.Seconds())
	t.rate += weight * (float64(n)/d.Seconds() - t.rate)
}

// interval is how long the next transaction stays open.
func (t *tempo) interval(l Limits) time.Duration {
	grown := time.Duration(float64(l.CommitInterval) * t.rate / calmRate)
	return max(l.CommitInterval, min(grown, l.LongestInterval))
}

// rest is how long records gather between two polls of a transaction that stays
// open for the interval.
func rest(l Limits, interval time.Duration) time.Duration {
	if interval <= l.CommitInterval {
		return 0
	}
	return interval / pollsPerTransaction
}
