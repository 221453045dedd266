package review

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/sr"

	"headwater.internal/platform/internal/schema"
)

// What says how an event differs from the merge base.
type What string

// The ways in which an event can differ.
const (
	New     What = "new"
	Changed What = "changed"
	Retired What = "retired"
	Removed What = "removed"
)

// Report is the review of one change.
type Report struct {
	Base   string        `json:"base"` // commit: the merge base
	Head   string        `json:"head"` // commit, or empty for the working tree
	Events []EventReview `json:"events"`
}

// EventReview is what the change does to one event.
type EventReview struct {
	Event     string     `json:"event"` // its type
	What      What       `json:"what"`
	Subject   string     `json:"subject"`
	Owner     string     `json:"owner"`
	Where     string     `json:"where"`     // file and line of the declaration
	Level     string     `json:"level"`     // compatibility that the schema is held to
	Words     []string   `json:"words"`     // what it gains, loses or has changed, each a sentence's rest after the event's name
	Consumers []Reader   `json:"consumers"` // who reads it, before or after the change
	Conflicts []Conflict `json:"conflicts"` // schema changes that would break who reads or wrote the event
	Refusals  []string   `json:"refusals"`  // all else that must be mended before the merge
}

// Reader is a team or a processor that may read an event.
type Reader struct {
	Name    string `json:"name"`
	Contact string `json:"contact,omitempty"` // of a team
}

// Conflict is a rule of compatibility that the change breaks.
type Conflict struct {
	Rule      string `json:"rule"`
	Path      string `json:"path"`
	Direction string `json:"direction,omitempty"`
	Version   int    `json:"version"` // the earlier version, counted as the registry does
	Commit    string `json:"commit,omitempty"`
	Message   string `json:"message"`
}

// Refused reports whether the change must not be merged as it is.
func (r *Report) Refused() bool {
	return slices.ContainsFunc(r.Events, func(e EventReview) bool { return len(e.Conflicts)+len(e.Refusals) > 0 })
}

// Run reviews what head changes since it left base; an empty head is the
// working tree. The error is for what cannot be reviewed at all: no such commit,
// a shallow clone, declarations that do not parse.
func Run(ctx context.Context, repo Repository, base, head string) (*Report, error) {
	report, before, after, err := open(ctx, repo, base, head)
	if err != nil {
		return nil, err
	}
	old, err := ReadCatalogue(before)
	if err != nil {
		return nil, fmt.Errorf("at the merge base %.12s: %w", report.Base, err)
	}
	next, err := ReadCatalogue(after)
	if err != nil {
		return nil, err
	}
	types := slices.Sorted(maps.Keys(union(old.Events, next.Events)))
	for _, name := range types {
		c := comparison{repo: repo, base: report.Base, before: before, after: after, teams: next.Teams}
		c.old, c.hadOld = old.Events[name]
		c.next, c.hasNext = next.Events[name]
		e, err := c.review(ctx)
		if err != nil {
			return nil, fmt.Errorf("review %s: %w", name, err)
		}
		if e != nil {
			report.Events = append(report.Events, *e)
		}
	}
	return report, nil
}

// open finds the merge base and reads both trees.
func open(ctx context.Context, repo Repository, base, head string) (report *Report, before, after Files, err error) {
	report = &Report{Events: []EventReview{}}
	if base, err = repo.commit(ctx, base); err != nil {
		return nil, nil, nil, err
	}
	tip := "HEAD"
	if head != "" {
		if report.Head, err = repo.commit(ctx, head); err != nil {
			return nil, nil, nil, err
		}
		tip = report.Head
	}
	if report.Base, err = repo.mergeBase(ctx, base, tip); err != nil {
		return nil, nil, nil, err
	}
	if before, err = repo.at(ctx, report.Base, folder); err != nil {
		return nil, nil, nil, err
	}
	if head == "" {
		after, err = repo.now(folder)
	} else {
		after, err = repo.at(ctx, report.Head, folder)
	}
	return report, before, after, err
}

// union has the keys of all maps.
func union[V any](all ...map[string]V) map[string]bool {
	keys := map[string]bool{}
	for _, m := range all {
		for k := range m {
			keys[k] = true
		}
	}
	return keys
}

// comparison is one event before and after.
type comparison struct {
	repo            Repository
	base            string
	before, after   Files
	teams           map[string]Team
	old, next       Declaration
	hadOld, hasNext bool
}

// review is nil when the change leaves the event alone.
func (c comparison) review(ctx context.Context) (*EventReview, error) {
	d := c.next
	if !c.hasNext {
		d = c.old
	}
	e := &EventReview{
		Event: d.Type(), What: c.what(), Subject: d.Subject(), Owner: d.Owner, Where: d.Where, Level: d.Level,
		Words: []string{}, Consumers: c.readers(), Conflicts: []Conflict{}, Refusals: []string{},
	}
	if e.What == Removed {
		c.removal(e)
		return e, nil
	}
	c.terms(e)
	if err := c.schemas(ctx, e); err != nil {
		return nil, err
	}
	if e.What == Changed && len(e.Words)+len(e.Refusals)+len(e.Conflicts) == 0 {
		return nil, nil
	}
	return e, nil
}

func (c comparison) what() What {
	switch {
	case !c.hadOld:
		return New
	case !c.hasNext:
		return Removed
	case c.next.Retired && !c.old.Retired:
		return Retired
	default:
		return Changed
	}
}

// readers are those of before and after: who loses the event is told too.
func (c comparison) readers() []Reader {
	names := append(slices.Clone(c.old.Consumers), c.next.Consumers...)
	slices.Sort(names)
	list := []Reader{}
	for _, name := range slices.Compact(names) {
		list = append(list, Reader{Name: name, Contact: c.teams[name].Contact})
	}
	return list
}

func (c comparison) removal(e *EventReview) {
	if c.old.Retired {
		e.Words = append(e.Words, "is removed with its topic and schema, having been retired before")
		return
	}
	e.Words = append(e.Words, "is removed with its topic and schema")
	e.Refusals = append(e.Refusals, fmt.Sprintf("%s is removed without having been retired, which would delete what %s read: set retired = true, merge and apply that, and remove it in the next pull request",
		e.Event, names(e.Consumers)))
}

// schemas compares the schema with its earlier versions, in words and by rule.
func (c comparison) schemas(ctx context.Context, e *EventReview) error {
	text, ok := c.after[c.next.Schema]
	if !ok {
		e.Refusals = append(e.Refusals, fmt.Sprintf("%s: there is no file %s: add it, or correct the path", c.next.Where, c.next.Schema))
		return nil
	}
	next, err := schema.Parse(sr.TypeAvro, text, nil)
	if err != nil {
		e.Refusals = append(e.Refusals, fmt.Sprintf("%s is no Avro schema: %v", c.next.Schema, err))
		return nil
	}
	if !c.hadOld {
		return nil
	}
	if old, err := schema.Parse(sr.TypeAvro, c.before[c.old.Schema], nil); err == nil {
		if old.Equal(next) {
			return nil
		}
		for _, change := range schema.Difference(old, next) {
			e.Words = append(e.Words, string(change.Kind)+" "+change.Text)
		}
	}
	return c.check(ctx, e, next)
}

// check holds next against its earlier versions at its declared level, and at
// the level it had where that was another: lowering the level and using that is
// two pull requests, so that consumers see the first.
func (c comparison) check(ctx context.Context, e *EventReview, next *schema.Schema) error {
	earlier, commits, err := c.earlier(ctx)
	if err != nil {
		return err
	}
	level, known := levelOf(c.next.Level)
	if !known {
		e.Refusals = append(e.Refusals, fmt.Sprintf("%s: compatibility is %s, which is no level", c.next.Where, c.next.Level))
		return nil
	}
	found := schema.Check(level, next, earlier)
	if before, known := levelOf(c.old.Level); known && before != level {
		stricter := schema.Check(before, next, earlier)
		if len(stricter) > 0 && len(found) == 0 {
			e.Refusals = append(e.Refusals, fmt.Sprintf("compatibility goes from %s to %s in the change that needs it: lower it in a pull request of its own first, which %s see",
				c.old.Level, c.next.Level, names(e.Consumers)))
			found = stricter
		}
	}
	for _, v := range found {
		conflict := Conflict{Rule: v.Rule, Path: v.Path, Direction: v.Direction, Version: v.Version, Message: v.Message}
		if v.Version > 0 && v.Version <= len(commits) {
			conflict.Commit = commits[v.Version-1]
		}
		e.Conflicts = append(e.Conflicts, conflict)
	}
	return nil
}

// levelOf is the level that a declaration names, if there is one.
func levelOf(name string) (level sr.CompatibilityLevel, known bool) {
	i := slices.IndexFunc(schema.Levels(), func(l sr.CompatibilityLevel) bool { return l.String() == name })
	if i < 0 {
		return 0, false
	}
	return schema.Levels()[i], true
}

// earlier lists the versions of the schema on the main line, each meaning once,
// as the registry counts them.
func (c comparison) earlier(ctx context.Context) ([]schema.Earlier, []string, error) {
	versions, err := c.repo.versions(ctx, c.base, c.old.Schema)
	if err != nil {
		return nil, nil, err
	}
	var list []schema.Earlier
	var commits []string
	for _, v := range versions {
		parsed, err := schema.Parse(sr.TypeAvro, v.text, nil)
		if err != nil {
			continue // it was never registered
		}
		if !slices.ContainsFunc(list, func(e schema.Earlier) bool { return e.Schema.Equal(parsed) }) {
			list = append(list, schema.Earlier{Version: len(list) + 1, Schema: parsed})
			commits = append(commits, v.commit)
		}
	}
	return list, commits, nil
}
