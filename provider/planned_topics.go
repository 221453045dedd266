package main

import (
	"strings"
	"sync"
)

// plannedTopics is what the topics of one plan have announced to each other.
type plannedTopics struct {
	mu      sync.Mutex
	names   map[string]string // by [metricName], the name first planned
	creates map[string]bool   // names of topics that this plan creates

	indexing sync.Once
	existing map[string]string // names on the cluster by [metricName]
}

// add announces a topic. It returns the name of one announced before that Kafka's
// metrics cannot tell from it, or "".
func (p *plannedTopics) add(name string) (collides string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.names == nil {
		p.names = map[string]string{}
	}
	first, ok := p.names[metricName(name)]
	if ok && first != name {
		return first
	}
	p.names[metricName(name)] = name
	return ""
}

// create announces that a topic will be created. It reports false when another
// resource of this plan has announced the same.
func (p *plannedTopics) create(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.creates == nil {
		p.creates = map[string]bool{}
	}
	if p.creates[name] {
		return false
	}
	p.creates[name] = true
	return true
}

// onCluster returns the topic of the cluster that Kafka's metrics cannot tell from
// name, or "". The topics are those of the first call, as a plan loads them once.
func (p *plannedTopics) onCluster(name string, topics map[string]topicInfo) string {
	p.indexing.Do(func() {
		p.existing = make(map[string]string, len(topics))
		for topic := range topics {
			p.existing[metricName(topic)] = topic
		}
	})
	return p.existing[metricName(name)]
}

// metricName is a topic's name in Kafka's metrics, which cannot hold dots.
func metricName(topic string) string { return strings.ReplaceAll(topic, ".", "_") }
