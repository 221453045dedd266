package capacity

import "math"

// rate is the mean of a count per second over a time that is long enough to
// tell the rate from chance. A jump starts it anew, so that it is seen at once.
type rate struct{ records, seconds float64 }

const (
	shortest = 10.0   // seconds that a rate is the mean of, when records are many
	longest  = 120.0  // when they are few
	enough   = 10_000 // records: their count is off by 1%
	jump     = 0.15   // smallest relative change that starts the rate anew
)

// add counts n more records in so many more seconds.
func (r *rate) add(n, seconds float64) {
	expected := r.value() * seconds
	chance := 4 * math.Sqrt(max(expected, n, 1)) // four standard deviations of a Poisson count
	if math.Abs(n-expected) > max(chance, jump*expected) {
		*r = rate{}
	}
	keep := 1.0
	if over := r.seconds + seconds - r.window(); over > 0 && r.seconds > 0 {
		keep = max(1-over/r.seconds, 0)
	}
	r.records = r.records*keep + n
	r.seconds = r.seconds*keep + seconds
}

func (r *rate) window() float64 {
	if r.records == 0 {
		return longest
	}
	return min(max(enough/r.value(), shortest), longest)
}

func (r *rate) value() float64 {
	if r.seconds == 0 {
		return 0
	}
	return r.records / r.seconds
}

// relativeError is the standard error of value, relative to it.
func (r *rate) relativeError() float64 { return 1 / math.Sqrt(max(r.records, 1)) }
