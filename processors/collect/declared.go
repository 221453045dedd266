package main

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"headwater.internal/platform/internal/event"
)

// declared is one event type as the catalogue declares it, ready for use.
type declared struct {
	event.Entry
	schema *event.Schema
	broken error // why schema is nil
}

// declarations is what the gateway knows of the catalogue at one moment.
type declarations struct {
	byType    map[string]*declared
	byName    map[string][]*declared // by plain name; several domains may share one
	bySegment map[string]*declared
}

// compileDeclarations indexes the raw events of a view. Schemas that did not
// change are taken over from the declarations before.
func compileDeclarations(view event.View, before *declarations) *declarations {
	d := &declarations{
		byType:    make(map[string]*declared),
		byName:    make(map[string][]*declared),
		bySegment: make(map[string]*declared),
	}
	for _, entry := range view.Entries() {
		if entry.Tier != "raw" {
			continue // the platform's own records come from processors only
		}
		one := &declared{Entry: entry}
		if old := before.byType[entry.Type]; old != nil && old.SchemaID == entry.SchemaID && old.Schema == entry.Schema {
			one.schema, one.broken = old.schema, old.broken
		} else if one.schema, one.broken = entry.Compile(); one.broken != nil {
			slog.Error("an event type cannot be taken", "event", entry.Type, "err", one.broken)
		}
		d.byType[entry.Type] = one
		if !entry.Retired {
			name := plainName(entry.Name)
			d.byName[name] = append(d.byName[name], one)
		}
	}
	for _, call := range segmentCalls {
		if entry, ok := view.SegmentCall(call); ok {
			d.bySegment[call] = d.byType[entry.Type]
		}
	}
	return d
}

// find looks up an event type. The violation, if any, has the pointer at.
func (d *declarations) find(eventType, at string) (*declared, *event.Violation) {
	one, ok := d.byType[eventType]
	if !ok {
		message := fmt.Sprintf("expected an event type that the catalogue declares, got %q", shorten(eventType))
		if near := event.Closest(eventType, slices.Sorted(maps.Keys(d.byType))); near != "" {
			message += fmt.Sprintf(", did you mean %q?", near)
		}
		return nil, &event.Violation{Pointer: at, Rule: ruleUnknownType, Message: message}
	}
	return one, one.closed(at)
}

// findName looks up a Segment track call's event: a full type, or a name as
// people write it, like "Order Placed", that is one declared event's name.
func (d *declarations) findName(name, at string) (*declared, *event.Violation) {
	if one, ok := d.byType[name]; ok {
		return one, one.closed(at)
	}
	found := d.byName[plainName(name)]
	switch len(found) {
	case 1:
		return found[0], found[0].closed(at)
	case 0:
		message := fmt.Sprintf("expected the name of an event that the catalogue declares, got %q", shorten(name))
		if near := event.Closest(plainName(name), slices.Sorted(maps.Keys(d.byName))); near != "" {
			message += fmt.Sprintf(", did you mean %q?", d.byName[near][0].Type)
		}
		return nil, &event.Violation{Pointer: at, Rule: ruleUnknownType, Message: message}
	}
	types := make([]string, 0, len(found))
	for _, one := range found {
		types = append(types, one.Type)
	}
	return nil, &event.Violation{Pointer: at, Rule: ruleUnknownType, Message: fmt.Sprintf(
		"expected a name that only one event has, got %q: send one of %s in full", shorten(name), strings.Join(types, ", "))}
}

// findCall looks up the event that takes a Segment call other than track.
func (d *declarations) findCall(call, at string) (*declared, *event.Violation) {
	if one := d.bySegment[call]; one != nil {
		return one, one.closed(at)
	}
	return nil, &event.Violation{Pointer: at, Rule: ruleUnknownType, Message: fmt.Sprintf(
		"expected a call that the catalogue declares an event for, got %q: declare one with segment_call = %q", call, call)}
}

// closed says why the gateway takes no events of the type, if it does not.
func (d *declared) closed(at string) *event.Violation {
	switch {
	case d.Retired:
		return &event.Violation{Pointer: at, Rule: ruleRetired, Message: fmt.Sprintf(
			"expected an event type in use, got %q, which its owner %s has retired", d.Type, d.Owner)}
	case len(d.Producers) > 0 && !slices.Contains(d.Producers, principal):
		return &event.Violation{Pointer: at, Rule: ruleProducers, Message: fmt.Sprintf(
			"expected an event type that comes through the gateway, got %q, which only %s may produce", d.Type, strings.Join(d.Producers, ", "))}
	}
	return nil
}

// principal is the gateway's own name in a declaration's producers.
const principal = "collect"

// plainName reduces a name to its letters and digits, so that "Order Placed",
// "orderPlaced" and "order_placed" are one.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == ' ' || r == '_' || r == '-' || r == '.':
			return -1
		}
		return r
	}, name)
}
