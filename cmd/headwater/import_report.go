package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// print writes the table. counted says whether refine was waited for, dry that
// nothing was sent.
func (r importReport) print(w io.Writer, counted, dry bool) {
	var rows strings.Builder
	table := tabwriter.NewWriter(&rows, 0, 4, 2, ' ', tabwriter.AlignRight)
	row := func(label string, n int64, note string) {
		_, _ = fmt.Fprintf(table, "%s\t%s\t\t%s\n", label, thousands(n), note)
	}
	row("lines read", r.Lines, "")
	if r.Continued > 0 {
		row("continuation lines", r.Continued, "of records that span several lines")
	}
	row("skipped", r.Skipped, groupNote(r.Skips))
	if dry {
		row("events", r.Events, "would be sent; nothing was")
	} else {
		row("accepted", r.Accepted, r.acceptedNote(counted))
	}
	if counted {
		row("applied", r.Applied, "new to the platform")
		row("duplicate", r.Duplicate, "had come before, dropped")
		row("dead-lettered", r.DeadLettered, classNote(r.DeadLetters))
	}
	row("refused", r.Refused, groupNote(r.Refusals))
	if !dry {
		row("undelivered", r.Undelivered, "")
	}
	_ = table.Flush()
	for line := range strings.Lines(rows.String()) {
		_, _ = fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	if len(r.Refusals) > 0 {
		_, _ = fmt.Fprintln(w, "\nRefused:")
		printGroups(w, r.Refusals)
	}
	if !dry {
		_, _ = fmt.Fprintf(w, "\nimport %s, source %s, %.1f s\n", r.ImportID, r.Source, r.Seconds)
	}
}

func (r importReport) acceptedNote(counted bool) string {
	var notes []string
	if r.Seconds > 0 && r.Accepted > 0 {
		notes = append(notes, thousands(int64(float64(r.Accepted)/r.Seconds))+" a second")
	}
	if r.Resent > 0 {
		notes = append(notes, thousands(r.Resent)+" sent again, since the first answer was lost or asked for it")
	}
	if counted && !r.Balanced {
		notes = append(notes, "refine has not counted all of them yet")
	}
	return strings.Join(notes, "; ")
}

// groupNote words groups in a few words: `1 header, 3 blank line`.
func groupNote(groups []lineGroup) string {
	if len(groups) > 3 {
		return fmt.Sprintf("for %d reasons", len(groups))
	}
	var parts []string
	for _, g := range groups {
		if g.By == "collector" || len(g.Reason) > 60 {
			return ""
		}
		parts = append(parts, thousands(g.Count)+" "+g.Reason)
	}
	return strings.Join(parts, ", ")
}

func classNote(classes map[string]int64) string {
	var parts []string
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		parts = append(parts, thousands(classes[class])+" "+class)
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + " (headwater dead-letters list)"
}

func printGroups(w io.Writer, groups []lineGroup) {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "  COUNT\tBY\tLINES\tREASON")
	for _, g := range groups {
		lines := make([]string, len(g.Lines))
		for i, n := range g.Lines {
			lines[i] = strconv.Itoa(n)
		}
		if g.Count > int64(len(lines)) {
			lines = append(lines, "...")
		}
		reason := g.Reason
		if g.Example != "" {
			reason += ": " + g.Example
		}
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", thousands(g.Count), g.By, strings.Join(lines, ", "), reason)
	}
	_ = table.Flush()
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(text) - 3; i > start; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
