package review

import (
	"fmt"
	"slices"
	"strings"
)

// terms says what the declaration itself changes.
func (c comparison) terms(e *EventReview) {
	say := func(format string, args ...any) { e.Words = append(e.Words, fmt.Sprintf(format, args...)) }
	if e.What == New {
		say("is new, owned by %s, kept %s, written by %s", orNobody(c.next.Owner), kept(c.next.Retention), list(c.next.Producers))
		return
	}
	switch {
	case e.What == Retired:
		say("is retired: no new ones are taken, and its topic may be deleted")
	case c.old.Retired && !c.next.Retired:
		say("is taken again, having been retired")
	}
	texts := []struct{ what, old, next string }{
		{"its owner", orNobody(c.old.Owner), orNobody(c.next.Owner)},
		{"its schema's file", c.old.Schema, c.next.Schema},
		{"its compatibility", c.old.Level, c.next.Level},
		{"how long it is kept", kept(c.old.Retention), kept(c.next.Retention)},
		{"its size class", c.old.Size, c.next.Size},
		{"the field that counts as revenue", orNone(c.old.Revenue), orNone(c.next.Revenue)},
	}
	for _, t := range texts {
		if t.old != t.next {
			say("changes %s from %s to %s", t.what, t.old, t.next)
		}
	}
	lists := []struct {
		what      string
		old, next []string
	}{
		{"as a consumer", c.old.Consumers, c.next.Consumers},
		{"as a producer", c.old.Producers, c.next.Producers},
		{"as a field that identifies a person", c.old.PII, c.next.PII},
	}
	for _, l := range lists {
		for _, name := range missing(l.next, l.old) {
			say("gains %s %s", name, l.what)
		}
		for _, name := range missing(l.old, l.next) {
			say("loses %s %s", name, l.what)
		}
	}
}

// missing lists what of is in of and not in from.
func missing(of, from []string) []string {
	var gone []string
	for _, name := range of {
		if !slices.Contains(from, name) {
			gone = append(gone, name)
		}
	}
	return gone
}

func kept(retention string) string {
	if retention == "latest" {
		return "for ever by key"
	}
	return orNone(retention)
}

func orNobody(owner string) string {
	if owner == "" {
		return "nobody"
	}
	return owner
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// list joins names as a sentence does.
func list(names []string) string {
	switch len(names) {
	case 0:
		return "collect" // what modules/event makes of no producers
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// names lists who reads an event.
func names(readers []Reader) string {
	if len(readers) == 0 {
		return "its readers"
	}
	all := make([]string, len(readers))
	for i, r := range readers {
		all[i] = r.Name
	}
	return list(all)
}
