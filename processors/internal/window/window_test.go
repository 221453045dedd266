package window_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"headwater.internal/platform/processors/internal/window"
)

// milliseconds are instants about the epoch, where rounding goes wrong first.
func instant(t *rapid.T) int64 { return rapid.Int64Range(-500, 500).Draw(t, "instant") }

// Defends tumbling windows against their definition: of all multiples of the
// length, the window begins at the last that is not after the instant.
func TestTumbling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length, at := rapid.Int64Range(1, 60).Draw(t, "length"), instant(t)
		w := window.Tumbling(time.Duration(length) * time.Millisecond)
		want := -length * 1000
		for want+length <= at {
			want += length
		}
		if w.Start(at) != want || w.End(at) != want+length {
			t.Fatalf("%d lies in [%d, %d), want [%d, %d)", at, w.Start(at), w.End(at), want, want+length)
		}
	})
}

// Defends hopping windows against their definition: every window that begins at
// a multiple of the hop and holds the instant, and no other.
func TestHopping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length, at := rapid.Int64Range(1, 60).Draw(t, "length"), instant(t)
		hop := rapid.Int64Range(1, length).Draw(t, "hop")
		w := window.Hopping{Length: time.Duration(length) * time.Millisecond, Hop: time.Duration(hop) * time.Millisecond}
		var want []int64
		for start := -hop * 1000; start <= at; start += hop {
			if at < start+length {
				want = append(want, start)
			}
		}
		if diff := cmp.Diff(want, slices.Collect(w.Starts(at))); diff != "" {
			t.Fatalf("windows of %d (-definition +package):\n%s", at, diff)
		}
		if w.End(want[0]) != want[0]+length {
			t.Fatalf("a window of %d ends %d after its start", length, w.End(want[0])-want[0])
		}
	})
}

// Defends sessions against their definition, the closure of "no further apart
// than the gap", and the promise that the order of the items does not matter.
func TestGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gap := rapid.Int64Range(0, 20).Draw(t, "gap")
		spans := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) window.Span {
			start := instant(t)
			return window.Span{Start: start, End: start + rapid.Int64Range(0, 30).Draw(t, "length")}
		}), 0, 30).Draw(t, "spans")
		groups := window.Groups(window.Session(time.Duration(gap)*time.Millisecond), spans, func(s window.Span) window.Span { return s })
		if diff := cmp.Diff(closure(spans, gap), partition(groups)); diff != "" {
			t.Fatalf("sessions (-definition +package):\n%s", diff)
		}
		shuffled := slices.Clone(spans)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(len(spans), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		again := window.Groups(window.Session(time.Duration(gap)*time.Millisecond), shuffled, func(s window.Span) window.Span { return s })
		if diff := cmp.Diff(partition(groups), partition(again)); diff != "" {
			t.Fatalf("the order matters:\n%s", diff)
		}
	})
}

// closure joins groups that have near members until there are none.
func closure(spans []window.Span, gap int64) []string {
	var groups [][]window.Span
	for _, s := range spans {
		groups = append(groups, []window.Span{s})
	}
	near := func(a, b []window.Span) bool {
		return slices.ContainsFunc(a, func(x window.Span) bool {
			return slices.ContainsFunc(b, func(y window.Span) bool { return max(x.Start, y.Start)-min(x.End, y.End) <= gap })
		})
	}
	for joined := true; joined; {
		joined = false
		for i := range groups {
			for j := i + 1; j < len(groups) && !joined; j++ {
				if near(groups[i], groups[j]) {
					groups[i] = append(groups[i], groups[j]...)
					groups = slices.Delete(groups, j, j+1)
					joined = true
				}
			}
			if joined {
				break
			}
		}
	}
	return partition(groups)
}

// partition is the groups as sorted text.
func partition(groups [][]window.Span) []string {
	list := make([]string, 0, len(groups))
	for _, g := range groups {
		text := make([]string, 0, len(g))
		for _, s := range g {
			text = append(text, fmt.Sprint(s))
		}
		slices.Sort(text)
		list = append(list, fmt.Sprint(text))
	}
	slices.Sort(list)
	return list
}
