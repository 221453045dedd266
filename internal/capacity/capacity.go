// Package capacity holds the scaling law: how many tasks a processor needs for
// what comes in. It knows neither a clock nor a network: the local supervisor
// feeds it and sets the number of tasks at once, and what publishes the ratio
// to a cloud's scaler can feed it the same.
//
// The law goes by rates, not by lag. What one task can do is measured as records
// per busy second, and the tasks wanted are the fewest that handle what arrives
// while they are busy no more than the target utilization of their time, and
// what waits within the catch-up time. Lag alone says nothing about how many
// tasks would end it: transaction markers and deleted records look like lag, and
// one hot key makes lag that no number of tasks removes.
package capacity

import (
	"slices"
	"time"
)

// Policy is what the law holds to.
type Policy struct {
	Min, Max          int           // tasks
	TargetUtilization float64       // share of their time that tasks may be busy, above 0 and up to 1
	CatchUp           time.Duration // in which what waits is to be handled
	Hold              time.Duration // how long fewer tasks must do before tasks are taken away
	// Tolerance is the relative error of the measurements. A count is left for a
	// larger one when it is too small by more than that, and taken for large
	// enough when it is too small by no more than half of that.
	Tolerance float64
}

// DefaultPolicy is the policy with the given bounds and the platform's figures.
// A target utilization of 0.78 makes the mean wait 3.5 times that of an idle
// task (M/M/1), so lower it for a processor whose latency asks for that.
func DefaultPolicy(lowest, highest int) Policy {
	return Policy{
		Min: lowest, Max: highest,
		TargetUtilization: 0.78,
		CatchUp:           90 * time.Second,
		Hold:              time.Minute,
		Tolerance:         0.04,
	}
}

// Load is what was measured of a processor.
type Load struct {
	InputRate   float64       // data records that arrive, per second
	RateError   float64       // relative standard error of InputRate: what chance makes of few records
	TaskRate    float64       // data records that one task handles per busy second; 0 when not known yet
	Throughput  float64       // data records that all tasks handle, per second
	Backlog     float64       // data records that wait, without those on their way
	TimeLag     time.Duration // age of the oldest record that waits
	Utilization float64       // share of their time that the measured tasks are busy, 0 to 1
	Peak        float64       // the same since the measurement before, when that is more
	Measured    int           // tasks that the measurements are of
	Behind      []float64     // data records that wait, by partition number
}

// Allowed lists, ascending, the numbers of tasks within the bounds among which
// partitions can be dealt evenly: its divisors. Uneven tasks would be as busy as
// the fullest of them. When no divisor lies within the bounds the bounds win.
// While partitions is not known (0) only the bounds are.
func Allowed(partitions, lowest, highest int) []int {
	var counts []int
	for n := max(lowest, 1); n <= min(highest, partitions); n++ {
		if partitions%n == 0 {
			counts = append(counts, n)
		}
	}
	if len(counts) == 0 {
		counts = slices.Compact([]int{max(lowest, 1), max(lowest, highest, 1)})
	}
	return counts
}

// fewest returns the smallest of counts that is at least need, else the largest.
func fewest(counts []int, need float64) int {
	for _, n := range counts {
		if float64(n) >= need {
			return n
		}
	}
	return counts[len(counts)-1]
}
