package topology

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample has what drawings must cope with: a pattern, a processor without state,
// a fork, an edge over several layers and a cycle.
func sample() *Graph {
	state := func(name string) *State { return &State{Topic: "state." + name, Version: 1} }
	always := []Sink{{Topic: "dead-letters", Runtime: true}, {Topic: "headwater.ledger", Runtime: true}}
	return &Graph{
		Processors: []Processor{
			{Description: Description{
				Name: "sessionize", About: "makes sessions.", State: state("sessionize"),
				Sources: []Source{{Topic: "processed.customer-events", Schema: "processed.CustomerEvent"}},
				Sinks:   append([]Sink{{Topic: "aggregates.sessions", SamePartition: true}}, always...),
				Rule:    Rule{Timers: true, Seals: true, Queries: true},
			}, Desired: 2, Tasks: []Task{
				{Number: "0", Ready: true, Partitions: map[int32][]string{0: nil, 1: nil, 2: nil, 5: nil}},
				{Number: "1", Partitions: map[int32][]string{}},
			}},
			{Description: Description{
				Name: "refine", About: "validates.", State: &State{Topic: "state.refine", Version: 2, Expires: true},
				Sources: []Source{{Topic: `^raw\.`, Pattern: true}, {Topic: "processed.links"}},
				Sinks:   append([]Sink{{Topic: "processed.customer-events", KeepsReceipt: true}, {Topic: "processed.links"}}, always...),
			}, Desired: 1, Problem: "it does not answer", Paused: true},
			{Description: Description{Name: "collect", About: "takes events.", Sinks: []Sink{{Topic: `^raw\.`, Pattern: true}}}, Desired: 1, Running: 1},
			{Description: Description{
				Name: "profile", About: "knows customers.", State: state("profile"),
				Sources: []Source{{Topic: "processed.customer-events"}, {Topic: "aggregates.sessions"}},
				Sinks:   append([]Sink{{Topic: "aggregates.customer-features"}}, always...),
			}},
		},
		Topics: map[string]int32{
			"raw.a.b": 6, "raw.c.d": 6, "processed.customer-events": 12, "processed.links": 12, "aggregates.sessions": 12,
			"state.sessionize": 12, "state.refine": 6,
		},
	}
}

// Defends the drawings that people keep in their documents: each format, to the
// letter.
func TestDrawings(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "mermaid", "dot", "svg"} {
		g := sample()
		g.Sort()
		var b strings.Builder
		if err := g.Draw(&b, format); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "sample."+format)
		if *update {
			if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-update writes it anew):\n%s", format, diff)
		}
	}
}

// Defends legibility: no two boxes of a layer overlap, and records go right.
func TestLayoutLeavesRoom(t *testing.T) {
	t.Parallel()
	g := sample()
	l := g.picture().layout()
	for _, layer := range l.layers {
		for i := 1; i < len(layer); i++ {
			if above, below := layer[i-1], layer[i]; above.y+above.h/2 > below.y-below.h/2 {
				t.Errorf("boxes overlap: %+v and %+v", above.node, below.node)
			}
		}
	}
	if len(l.boxes) != 9 || len(l.layers) < 7 {
		t.Errorf("%d boxes in %d layers", len(l.boxes), len(l.layers))
	}
}
