package main

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"headwater.internal/platform/internal/mapping"
)

// tally counts what becomes of the lines of an import. It is safe for concurrent
// use.
type tally struct {
	mu     sync.Mutex
	report importReport
	groups map[groupKey]*lineGroup
	last   error // why something had to be sent again, lately
}

// importReport is what an import ends with. Lines = events + refused by the
// mapping + skipped + continued; events = accepted + refused by the collector +
// undelivered; accepted = applied + duplicate + dead-lettered, once balanced.
type importReport struct {
	ImportID string  `json:"import_id"`
	File     string  `json:"file"`
	Source   string  `json:"source"`
	Seconds  float64 `json:"seconds"`

	Lines       int64 `json:"lines"`
	Continued   int64 `json:"continuation_lines"` // further lines of records that span several
	Skipped     int64 `json:"skipped"`
	Events      int64 `json:"events"`
	Accepted    int64 `json:"accepted"`
	Refused     int64 `json:"refused"`
	Undelivered int64 `json:"undelivered"`

	Balanced     bool             `json:"balanced"` // refine has counted all that was accepted
	Applied      int64            `json:"applied"`
	Duplicate    int64            `json:"duplicate"`
	DeadLettered int64            `json:"dead_lettered"`
	DeadLetters  map[string]int64 `json:"dead_lettered_by_class"`
	Resent       int64            `json:"resent"` // sent again because the fate of the first time is unknown

	Refusals []lineGroup `json:"refusals"`
	Skips    []lineGroup `json:"skips"`
	Error    string      `json:"error,omitempty"`

	FirstEvents []jsontext.Value `json:"first_events,omitempty"` // of a dry run
}

// lineGroup gathers the lines that share a fate.
type lineGroup struct {
	By      string `json:"by"` // mapping or collector
	Reason  string `json:"reason"`
	Count   int64  `json:"count"`
	Lines   []int  `json:"lines"`             // the first few
	Example string `json:"example,omitempty"` // of the first line
}

type groupKey struct {
	skipped    bool
	by, reason string
}

const (
	maxGroupLines = 5
	maxGroups     = 200 // a file that is wrong in ever new ways must not fill the memory
)

func newTally(importID, file, source string) *tally {
	return &tally{
		report: importReport{ImportID: importID, File: file, Source: source, DeadLetters: map[string]int64{}},
		groups: map[groupKey]*lineGroup{},
	}
}

// read counts a record that was read.
func (t *tally) read(r mapping.Result) {
	if r.Outcome == mapping.Refused {
		t.refused(r.Line, "mapping", r.Reason, r.Detail)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Lines += int64(r.Lines)
	t.report.Continued += int64(r.Lines - 1)
	switch r.Outcome {
	case mapping.Mapped:
		t.report.Events++
	case mapping.Skipped:
		t.report.Skipped++
		t.group(groupKey{true, "mapping", r.Reason}, r.Line, r.Detail)
	case mapping.Refused: // counted above
	}
}

func (t *tally) refused(line int, by, reason, detail string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Refused++
	t.group(groupKey{false, by, reason}, line, detail)
}

func (t *tally) group(key groupKey, line int, detail string) {
	g := t.groups[key]
	if g == nil && len(t.groups) >= maxGroups {
		key.reason, detail = "other reasons", key.reason+" "+detail
		g = t.groups[key]
	}
	if g == nil {
		g = &lineGroup{By: key.by, Reason: key.reason, Example: detail}
		t.groups[key] = g
	}
	g.Count++
	// Senders finish in any order: keep the smallest line numbers.
	if at, _ := slices.BinarySearch(g.Lines, line); at < maxGroupLines {
		g.Lines = slices.Insert(g.Lines, at, line)
		g.Lines = g.Lines[:min(len(g.Lines), maxGroupLines)]
		if at == 0 {
			g.Example = detail
		}
	}
}

func (t *tally) accepted(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Accepted += int64(n)
	if n > 0 {
		t.last = nil
	}
}

// uncertain counts events that are sent again although the first time may have
// stored them.
func (t *tally) uncertain(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Resent += int64(n)
}

func (t *tally) retrying(cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = cause
}

// counts gives the figures that progress is shown with.
func (t *tally) counts() (lines, sent int64, last error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.report.Lines, t.report.Accepted, t.last
}

// finish closes the report.
func (t *tally) finish(started time.Time) importReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.report
	r.Seconds = time.Since(started).Seconds()
	var refusedByCollector int64
	r.Refusals, r.Skips = []lineGroup{}, []lineGroup{}
	for key, g := range t.groups {
		if key.skipped {
			r.Skips = append(r.Skips, *g)
			continue
		}
		r.Refusals = append(r.Refusals, *g)
		if key.by == "collector" {
			refusedByCollector += g.Count
		}
	}
	byCount := func(a, b lineGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	}
	slices.SortFunc(r.Refusals, byCount)
	slices.SortFunc(r.Skips, byCount)
	r.Undelivered = r.Events - r.Accepted - refusedByCollector
	return r
}
