package stream

import (
	"strings"

	"github.com/twmb/avro"

	"headwater.internal/platform/internal/topology"
)

// describe says what the processor reads, writes and keeps.
func describe(spec Spec, rule Rule) topology.Description {
	d := topology.Description{
		Name: spec.Name, About: spec.About,
		State: &topology.State{Topic: spec.State.Topic, Version: spec.State.Version, Expires: spec.State.Expires},
	}
	for _, r := range spec.Reads {
		d.Sources = append(d.Sources, topology.Source{Topic: r.Topic, Pattern: strings.HasPrefix(r.Topic, "^"), Schema: schemaName(r.Schema)})
	}
	for _, w := range spec.Writes {
		d.Sinks = append(d.Sinks, topology.Sink{Topic: w.Topic, Schema: schemaName(w.Schema), SamePartition: w.SamePartition, KeepsReceipt: w.KeepsReceipt})
	}
	for _, topic := range [...]string{DeadLetterTopic, LedgerTopic} {
		d.Sinks = append(d.Sinks, topology.Sink{Topic: topic, Runtime: true})
	}
	_, d.Rule.Timers = rule.(Waker)
	_, d.Rule.Seals = rule.(Sealer)
	_, d.Rule.Migrates = rule.(Migrator)
	reader, ok := rule.(Reader)
	d.Rule.Queries, d.Rule.Spread = ok, !ok || reader.Spread()
	d.Rule.Catalogue = spec.FollowsCatalogue
	return d
}

// schemaName is the full name of an Avro record; empty for none.
func schemaName(text string) string {
	if text == "" {
		return ""
	}
	schema, err := avro.Parse(text)
	if err != nil {
		return ""
	}
	root := schema.Root()
	if root.Namespace != "" && !strings.Contains(root.Name, ".") {
		return root.Namespace + "." + root.Name
	}
	return root.Name
}

// here is the task as its group has it now.
func (g *group) here(number string) *topology.Task {
	return &topology.Task{Number: number, Ready: g.ready(), Partitions: g.topics()}
}
