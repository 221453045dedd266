package main

import (
	"sync"

	"headwater.internal/platform/internal/schema"
)

// planned is what the resources of one plan have announced to each other. Only
// attribute references give an order, so a reader must expect that what it looks
// for is not there yet.
type planned struct {
	mu       sync.Mutex
	subjects map[string]plannedSubject
}

// plannedSubject is the schema that a subject will have after apply.
type plannedSubject struct {
	schema  *schema.Schema // nil when it can be parsed only in apply
	version int64          // 0 when apply will give it a new one
}

// addSubject announces a subject's planned schema.
func (p *planned) addSubject(name string, s plannedSubject) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.subjects == nil {
		p.subjects = map[string]plannedSubject{}
	}
	p.subjects[name] = s
}

// subject returns what was announced for a subject.
func (p *planned) subject(name string) (plannedSubject, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.subjects[name]
	return s, ok
}
