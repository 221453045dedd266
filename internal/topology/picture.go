package topology

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// picture is the graph as nodes and arrows: what all drawings show. What the
// runtime writes for everyone would cross everything and stands in the note.
type picture struct {
	nodes []*node
	edges [][2]*node
	note  string
}

type node struct {
	id        string
	processor bool
	title     string
	lines     []string // smaller, below the title
}

func (g *Graph) picture() *picture {
	p := &picture{}
	topics := make(map[string]*node)
	topic := func(name string, pattern bool) *node {
		if n := topics[name]; n != nil {
			return n
		}
		n := &node{id: "t" + strconv.Itoa(len(topics)), title: readable(name, pattern), lines: g.topicLines(name, pattern)}
		topics[name] = n
		p.nodes = append(p.nodes, n)
		return n
	}
	var runtime []string
	for i, proc := range g.Processors {
		n := &node{id: "p" + strconv.Itoa(i), processor: true, title: proc.Name, lines: processorLines(proc, len(g.Topics) > 0)}
		p.nodes = append(p.nodes, n)
		for _, s := range proc.Sources {
			p.edges = append(p.edges, [2]*node{topic(s.Topic, s.Pattern), n})
		}
		for _, s := range proc.Sinks {
			switch {
			case !s.Runtime:
				p.edges = append(p.edges, [2]*node{n, topic(s.Topic, s.Pattern)})
			case !slices.Contains(runtime, s.Topic):
				runtime = append(runtime, s.Topic)
			}
		}
	}
	if len(runtime) > 0 {
		p.note = "Each processor with state also writes " + strings.Join(runtime, " and ") + " in the same transactions."
	}
	return p
}

func (g *Graph) topicLines(name string, pattern bool) []string {
	list := g.Match(name, pattern)
	if len(g.Topics) == 0 || len(list) == 0 {
		return nil
	}
	n, same := g.partitions(list)
	each := "partitions differ"
	if same {
		each = plural(int(n), "partition")
	}
	if pattern {
		return []string{plural(len(list), "topic") + ", " + each}
	}
	if n == 0 {
		return []string{"missing"}
	}
	return []string{each}
}

func processorLines(p Processor, known bool) []string {
	var lines []string
	if known {
		lines = append(lines, plural(p.Desired, "task"))
	}
	if p.State != nil {
		lines = append(lines, p.State.Topic+" v"+strconv.Itoa(p.State.Version))
	}
	return lines
}

// Mermaid writes the graph as a Mermaid flowchart, which GitHub and GitLab draw.
func (g *Graph) Mermaid(w io.Writer) error {
	p, t := g.picture(), &printer{w: w}
	t.line("flowchart LR")
	for _, n := range p.nodes {
		text := strings.ReplaceAll(strings.Join(append([]string{n.title}, n.lines...), "<br/>"), `"`, "#quot;")
		if n.processor {
			t.line(`  %s["%s"]:::processor`, n.id, text)
		} else {
			t.line(`  %s(["%s"]):::topic`, n.id, text)
		}
	}
	for _, e := range p.edges {
		t.line("  %s --> %s", e[0].id, e[1].id)
	}
	t.line("  classDef processor fill:#1f4e79,stroke:#1f4e79,color:#ffffff")
	t.line("  classDef topic fill:#eef4fa,stroke:#7fa6c9,color:#1b2b3a")
	return t.err
}

// Dot writes the graph in Graphviz's language.
func (g *Graph) Dot(w io.Writer) error {
	p, t := g.picture(), &printer{w: w}
	t.line("digraph headwater {")
	t.line("  rankdir=LR; node [fontname=\"sans-serif\", fontsize=11]; edge [color=\"#7f93a6\"];")
	for _, n := range p.nodes {
		text := strconv.Quote(strings.Join(append([]string{n.title}, n.lines...), "\n"))
		style := `shape=box, style="rounded,filled", fillcolor="#eef4fa", color="#7fa6c9"`
		if n.processor {
			style = `shape=box, style=filled, fillcolor="#1f4e79", fontcolor=white, color="#1f4e79"`
		}
		t.line("  %s [label=%s, %s];", n.id, text, style)
	}
	for _, e := range p.edges {
		t.line("  %s -> %s;", e[0].id, e[1].id)
	}
	t.line("}")
	return t.err
}

// Draw writes the graph in the format: text, mermaid, dot or svg.
func (g *Graph) Draw(w io.Writer, format string) error {
	switch format {
	case "text":
		return g.Text(w)
	case "mermaid":
		return g.Mermaid(w)
	case "dot":
		return g.Dot(w)
	case "svg":
		return g.SVG(w)
	default:
		return fmt.Errorf("draw the topology: format %q is none of text, mermaid, dot, svg", format)
	}
}
