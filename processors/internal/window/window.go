// Package window is the arithmetic of windows of event time: tumbling, hopping
// and session windows. It holds no state and knows no records; a rule asks it
// which windows an instant lies in and which spans belong together.
//
// Times are Unix milliseconds, as state keeps them; those before 1970 are
// negative and treated alike. Windows hold their start and not their end.
//
// The terms are those of Akidau et al., The Dataflow Model (VLDB 2015), with
// Kafka Streams' names: hopping windows are that paper's sliding ones.
package window

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// Tumbling is windows of one length that follow each other without a gap; one
// begins at the epoch. An instant lies in exactly one. The length must be
// positive and whole milliseconds.
type Tumbling time.Duration

// Start is the first instant of the window that at lies in.
func (w Tumbling) Start(at int64) int64 { return floor(at, time.Duration(w).Milliseconds()) }

// End is the first instant after the window that at lies in.
func (w Tumbling) End(at int64) int64 { return w.Start(at) + time.Duration(w).Milliseconds() }

// Hopping is windows of one length of which one begins at each multiple of the
// hop. An instant lies in length/hop of them when the hop divides the length. Both
// must be positive and whole milliseconds, and the hop no longer than the length.
type Hopping struct{ Length, Hop time.Duration }

// Starts are the first instants of the windows that at lies in, in order.
func (w Hopping) Starts(at int64) iter.Seq[int64] {
	length, hop := w.Length.Milliseconds(), w.Hop.Milliseconds()
	return func(yield func(int64) bool) {
		last := floor(at, hop)
		first := floor(at-length, hop) + hop
		for start := first; start <= last; start += hop {
			if !yield(start) {
				return
			}
		}
	}
}

// End is the first instant after the window that begins at start.
func (w Hopping) End(start int64) int64 { return start + w.Length.Milliseconds() }

// Span is from its first to its last instant, both included.
type Span struct{ Start, End int64 }

// At is the span of one instant.
func At(at int64) Span { return Span{at, at} }

// Join is the shortest span that holds both.
func (s Span) Join(other Span) Span { return Span{min(s.Start, other.Start), max(s.End, other.End)} }

// Meets says whether the spans share an instant.
func (s Span) Meets(other Span) bool { return s.Start <= other.End && other.Start <= s.End }

// Session is session windows: what lies no further apart than the gap is one.
type Session time.Duration

// Near says whether two spans belong to one session: silence of exactly the gap
// still joins them.
func (w Session) Near(a, b Span) bool {
	gap := time.Duration(w).Milliseconds()
	return a.Start <= b.End+gap && b.Start <= a.End+gap
}

// Groups parts items into sessions, in the order of their start, the items of
// each in the order of theirs. Which items stand together does not depend on the
// order in which they are given.
func Groups[T any](w Session, items []T, span func(T) Span) [][]T {
	sorted := slices.Clone(items)
	slices.SortStableFunc(sorted, func(a, b T) int { return cmp.Compare(span(a).Start, span(b).Start) })
	var groups [][]T
	var whole Span
	for _, item := range sorted {
		s := span(item)
		if n := len(groups) - 1; n >= 0 && w.Near(whole, s) {
			groups[n] = append(groups[n], item)
			whole = whole.Join(s)
			continue
		}
		groups = append(groups, []T{item})
		whole = s
	}
	return groups
}

// floor rounds down to a multiple, also before 1970.
func floor(n, unit int64) int64 {
	rest := n % unit
	if rest < 0 {
		rest += unit
	}
	return n - rest
}
