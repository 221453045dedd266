package topology

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Text writes the graph for a terminal.
func (g *Graph) Text(w io.Writer) error {
	t := &printer{w: w}
	for i, p := range g.Processors {
		if i > 0 {
			t.line("")
		}
		g.processor(t, p)
	}
	return t.err
}

func (g *Graph) processor(t *printer, p Processor) {
	t.line("%s  %s", p.Name, p.About)
	if p.Problem != "" {
		t.row("problem", p.Problem)
	}
	for i, s := range p.Sources {
		t.row(first(i, "reads"), g.named(s.Topic, s.Pattern, s.Schema))
	}
	for i, s := range p.Sinks {
		text := g.named(s.Topic, s.Pattern, s.Schema)
		switch {
		case s.Runtime:
		case s.SamePartition:
			text += ", into the input's partition"
		default:
			text += ", by key"
		}
		if s.KeepsReceipt {
			text += ", keeps the receipt time"
		}
		t.row(first(i, "writes"), text)
	}
	if p.State != nil {
		text := fmt.Sprintf("%s, format %d", g.named(p.State.Topic, false, ""), p.State.Version)
		if p.State.Expires {
			text += ", forgets by age"
		}
		t.row("state", text)
		t.row("group", p.Name)
	}
	if p.State != nil {
		t.row("rule", p.Rule.String())
	}
	if len(g.Topics) > 0 { // else only the programs were asked
		p.tasks(t)
	}
	if next := g.Downstream(p); len(next) > 0 {
		t.row("-->", strings.Join(next, ", "))
	}
}

func (p Processor) tasks(t *printer) {
	tasks := fmt.Sprintf("%d of %d", max(p.Running, len(p.Tasks)), p.Desired)
	if p.Paused {
		tasks += ", paused: headwater resume " + p.Name
	}
	for i, task := range p.Tasks {
		if i > 0 {
			tasks = ""
		}
		t.row(first(i, "tasks"), strings.TrimSpace(tasks+"  "+task.String()))
	}
	if len(p.Tasks) == 0 {
		t.row("tasks", tasks)
	}
}

// named is a topic with what the brokers know of it.
func (g *Graph) named(topic string, pattern bool, schema string) string {
	text := readable(topic, pattern)
	var about []string
	if list := g.Match(topic, pattern); pattern && len(g.Topics) > 0 {
		about = append(about, plural(len(list), "topic"))
		if n, same := g.partitions(list); same && len(list) > 0 {
			about = append(about, plural(int(n), "partition")+" each")
		}
	} else if n, known := g.Topics[topic]; known {
		about = append(about, plural(int(n), "partition"))
	} else if len(g.Topics) > 0 {
		about = append(about, "missing")
	}
	if schema != "" {
		about = append(about, schema)
	}
	if len(about) > 0 {
		text += " (" + strings.Join(about, ", ") + ")"
	}
	return text
}

// partitions is how many each of the topics has, where all have as many.
func (g *Graph) partitions(topics []string) (n int32, same bool) {
	for i, topic := range topics {
		if i > 0 && g.Topics[topic] != n {
			return 0, false
		}
		n = g.Topics[topic]
	}
	return n, true
}

// String names the parts that the rule has.
func (r Rule) String() string {
	parts := []string{"records"}
	for _, part := range []struct {
		has  bool
		name string
	}{
		{r.Timers, "timers"},
		{r.Seals, "one publication per transaction"},
		{r.Queries, "state queries"},
		{r.Migrates, "migration"},
		{r.Catalogue, "the event catalogue"},
	} {
		if part.has {
			parts = append(parts, part.name)
		}
	}
	return strings.Join(parts, ", ")
}

// String is the task with its partitions, runs of them as a range.
func (t Task) String() string {
	numbers := make([]int32, 0, len(t.Partitions))
	for n := range t.Partitions {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	text := "task " + t.Number + ": "
	switch {
	case len(numbers) == 0:
		text += "no partition"
	case len(numbers) == 1:
		text += "partition " + ranges(numbers)
	default:
		text += "partitions " + ranges(numbers)
	}
	if !t.Ready {
		text += " (joining or restoring)"
	}
	return text
}

func ranges(numbers []int32) string {
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		part := strconv.Itoa(int(numbers[i]))
		if j > i {
			part += "-" + strconv.Itoa(int(numbers[j]))
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

func first(i int, label string) string {
	if i > 0 {
		return ""
	}
	return label
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// printer keeps the first error of a writer.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) row(label, text string) { p.line("  %-8s %s", label, text) }
