// Package topology says what processors read, write and keep, and draws it. A
// processor describes itself ([Description]); a [Graph] puts several together
// with what the brokers know of their topics. Kafka Streams'
// TopologyDescription is the model of the content.
package topology

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Description is what one processor says of itself, in JSON on standard output
// of `<program> --describe` and at /topology of each of its tasks.
type Description struct {
	Name    string   `json:"name"`  // also its consumer group and principal
	About   string   `json:"about"` // a sentence that goes on after the name
	Sources []Source `json:"sources"`
	Sinks   []Sink   `json:"sinks"`
	State   *State   `json:"state,omitempty"`
	// Rule is what the rule takes part in besides records.
	Rule Rule `json:"rule"`
	// Task is the task that answers; nil from a program that does not run.
	Task *Task `json:"task,omitempty"`
}

// Source is one input.
type Source struct {
	Topic   string `json:"topic"`             // a name, or a regular expression when Pattern
	Pattern bool   `json:"pattern,omitempty"` // read every topic that matches
	Schema  string `json:"schema,omitempty"`  // full name of the Avro record it is read as
}

// Sink is one output.
type Sink struct {
	Topic         string `json:"topic"`
	Pattern       bool   `json:"pattern,omitempty"` // one of the topics that match
	Schema        string `json:"schema,omitempty"`  // full name of the Avro record
	SamePartition bool   `json:"same_partition,omitempty"`
	KeepsReceipt  bool   `json:"keeps_receipt,omitempty"`
	// Runtime marks what the runtime writes for every processor.
	Runtime bool `json:"runtime,omitempty"`
}

// State is a processor's state.
type State struct {
	Topic   string `json:"topic"`             // its changelog
	Version int    `json:"version"`           // format of keys and values
	Expires bool   `json:"expires,omitempty"` // the changelog deletes by age too
}

// Rule names the optional parts that a rule has.
type Rule struct {
	Timers    bool `json:"timers"`    // state is woken by the partition's clock
	Seals     bool `json:"seals"`     // publishes once per transaction
	Queries   bool `json:"queries"`   // renders its state for headwater state
	Spread    bool `json:"spread"`    // any partition may hold some of what is asked for
	Migrates  bool `json:"migrates"`  // takes over state of the version before
	Catalogue bool `json:"catalogue"` // follows the event catalogue
}

// Task is one running task.
type Task struct {
	Number     string             `json:"number"`
	Ready      bool               `json:"ready"`
	Partitions map[int32][]string `json:"partitions"` // number -> its inputs
}

// Processor is a description with how it is deployed.
type Processor struct {
	Description

	Desired int    `json:"desired"` // tasks wished for
	Running int    `json:"running"` // tasks that are ready
	Paused  bool   `json:"paused"`  // no task runs until an operator resumes it
	Tasks   []Task `json:"tasks"`   // that have partitions and answer
	Problem string `json:"problem,omitempty"`
}

// Graph is some processors and the topics around them.
type Graph struct {
	Processors []Processor      `json:"processors"`
	Topics     map[string]int32 `json:"topics"` // partitions by name; empty when no broker was asked
}

// Match lists the topics that a source or sink stands for, in order.
func (g *Graph) Match(topic string, pattern bool) []string {
	if !pattern {
		return []string{topic}
	}
	expression, err := regexp.Compile(topic)
	if err != nil {
		return nil
	}
	var list []string
	for name := range g.Topics {
		if expression.MatchString(name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// Only keeps one processor. It reports whether there is one of that name.
func (g *Graph) Only(name string) bool {
	i := slices.IndexFunc(g.Processors, func(p Processor) bool { return p.Name == name })
	if i >= 0 {
		g.Processors = g.Processors[i : i+1]
	}
	return i >= 0
}

// Sort brings processors into the order in which records pass them, those of a
// cycle by name.
func (g *Graph) Sort() {
	slices.SortFunc(g.Processors, func(a, b Processor) int { return strings.Compare(a.Name, b.Name) })
	depth := make(map[string]int, len(g.Processors))
	for range g.Processors { // longest paths, cut off where there is a cycle
		for _, from := range g.Processors {
			for _, to := range g.Downstream(from) {
				if to != from.Name {
					depth[to] = min(max(depth[to], depth[from.Name]+1), len(g.Processors))
				}
			}
		}
	}
	slices.SortStableFunc(g.Processors, func(a, b Processor) int { return cmp.Compare(depth[a.Name], depth[b.Name]) })
}

// Downstream names the processors that read what p writes, in order. What the
// runtime writes for everyone is left out.
func (g *Graph) Downstream(p Processor) []string {
	var list []string
	for _, other := range g.Processors {
		if slices.ContainsFunc(p.Sinks, func(w Sink) bool {
			return !w.Runtime && slices.ContainsFunc(other.Sources, func(r Source) bool { return meets(w, r) })
		}) {
			list = append(list, other.Name)
		}
	}
	return list
}

// meets says whether what is written to w is read by r.
func meets(w Sink, r Source) bool {
	switch {
	case w.Topic == r.Topic:
		return true
	case r.Pattern && !w.Pattern:
		matched, err := regexp.MatchString(r.Topic, w.Topic)
		return err == nil && matched
	case w.Pattern && !r.Pattern:
		matched, err := regexp.MatchString(w.Topic, r.Topic)
		return err == nil && matched
	default:
		return false
	}
}

// readable is a pattern as people write it, ^raw\. with a star in the end.
func readable(topic string, pattern bool) string {
	if !pattern {
		return topic
	}
	plain := strings.TrimSuffix(strings.TrimPrefix(topic, "^"), ".*")
	plain = strings.ReplaceAll(plain, `\.`, ".")
	if regexp.QuoteMeta(plain) != strings.ReplaceAll(plain, ".", `\.`) {
		return topic // more than a prefix
	}
	return plain + "*"
}

// Held is what a task answers at /state.
type Held struct {
	Asked      []int32       `json:"asked"`      // partitions that were looked at
	Partitions map[int32]any `json:"partitions"` // what those hold that hold anything
}
