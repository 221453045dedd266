package identity_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"headwater.internal/platform/processors/internal/identity"
)

var keys = []string{"a", "b", "c", "d", "e"}

// root is the definition: follow the links; where that leads in a circle, the
// smallest of the circle.
func root(links map[string]string, from string) string {
	met := map[string]bool{}
	at := from
	for !met[at] {
		met[at] = true
		next, ok := links[at]
		if !ok {
			return at
		}
		at = next
	}
	smallest := at
	for next := links[at]; next != at; next = links[next] {
		smallest = min(smallest, next)
	}
	return smallest
}

// Defends the walk by local knowledge: every route ends, and where the
// definition says, whatever the links: chains, circles, circles at the end of
// chains.
func TestRoutesEndAtTheRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		links := map[string]string{}
		for _, k := range keys {
			if to := rapid.SampledFrom(append([]string{""}, keys...)).Draw(t, k); to != "" && to != k {
				links[k] = to
			}
		}
		for _, from := range keys {
			path := []string{from}
			for {
				next := identity.Route(path, identity.Link{Customer: links[path[len(path)-1]]})
				if next == "" {
					break
				}
				if path = append(path, next); len(path) > len(keys)+1 {
					t.Fatalf("%v: from %s the path goes on: %v", links, from, path)
				}
			}
			if have, want := path[len(path)-1], root(links, from); have != want {
				t.Fatalf("%v: from %s to %s by %v, want %s", links, from, have, path, want)
			}
		}
	})
}

// Defends that the winner is a function of the set of links: in any order, with
// repeats, the same one stays.
func TestTheSameLinkWinsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		links := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) identity.Link {
			return identity.Link{Customer: rapid.SampledFrom(keys).Draw(t, "customer"), Time: rapid.Int64Range(-2, 2).Draw(t, "time")}
		}), 1, 8).Draw(t, "links")
		winner := func(list []identity.Link) (best identity.Link) {
			for _, l := range list {
				if l.Beats(best) {
					best = l
				}
			}
			return best
		}
		want := winner(links)
		if have := winner(append(rapid.Permutation(links).Draw(t, "order"), links...)); have != want {
			t.Fatalf("%+v wins, and in another order %+v", want, have)
		}
	})
}

// Defends what a key remembers over the encoding, and that a record that comes
// again is known.
func TestNodeRemembers(t *testing.T) {
	var n identity.Node
	n.Link = identity.Link{Customer: "ann", Time: -5}
	for _, step := range []struct {
		sender   string
		sequence int64
		first    bool
	}{{"x", 1, true}, {"x", 1, false}, {"y", 7, true}, {"x", 2, true}, {"x", 1, false}, {"y", 6, false}} {
		if have := n.First(step.sender, step.sequence); have != step.first {
			t.Errorf("record %d of %s: first is %t", step.sequence, step.sender, have)
		}
		n.Next()
		cursor := identity.Cursor(n.Append(nil))
		n = identity.Node{}
		n.Read(&cursor)
		if len(cursor) > 0 {
			t.Fatalf("%d bytes are left", len(cursor))
		}
	}
	if diff := cmp.Diff(identity.Link{Customer: "ann", Time: -5}, n.Link); diff != "" || n.Next() != 7 {
		t.Errorf("the node has changed: %s", diff)
	}
}
