package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// table is one table of the report, for a terminal and for Markdown.
type table struct {
	title string
	head  []string
	rows  [][]string
	notes []string // below it
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// widths are those of the widest cell of each column.
func (t *table) widths() []int {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// print writes the table as Markdown whose columns stand in line, which reads as
// well in a terminal. Columns of figures are flush right.
func (t *table) print(w io.Writer) {
	widths := t.widths()
	fmt.Fprintf(w, "\n### %s\n\n", t.title)
	t.line(w, t.head, widths)
	rule := make([]string, len(widths))
	for i, n := range widths {
		rule[i] = strings.Repeat("-", max(n, 3))
		if t.figures(i) {
			rule[i] = rule[i][1:] + ":"
		}
	}
	t.line(w, rule, widths)
	for _, row := range t.rows {
		t.line(w, row, widths)
	}
	for _, note := range t.notes {
		fmt.Fprintf(w, "\n%s\n", note)
	}
}

func (t *table) line(w io.Writer, cells []string, widths []int) {
	for i, cell := range cells {
		pad := strings.Repeat(" ", max(widths[i], 3)-utf8.RuneCountInString(cell))
		if t.figures(i) {
			cell = pad + cell
		} else {
			cell += pad
		}
		fmt.Fprintf(w, "| %s ", cell)
	}
	fmt.Fprintln(w, "|")
}

// figures says whether a column holds nothing but figures.
func (t *table) figures(column int) bool {
	for _, row := range t.rows {
		if cell := row[column]; cell != "" && !strings.ContainsRune("0123456789-", rune(cell[0])) {
			return false
		}
		if strings.Contains(row[column], " ") {
			return false
		}
	}
	return len(t.rows) > 0
}

// print writes the whole report.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "\n## %s, commit %s, %s\n\n", r.Date[:len("2006-01-02")], r.Commit, r.Machine)
	fmt.Fprintf(w, "`%s`, %.0f minutes from %s, medians of %d runs. Load average before: %s, after: %s.\nRaw records have %d bytes; seed %d.\n",
		r.Command, r.Minutes, r.Date[len("2006-01-02T"):], r.Runs, r.LoadBefore, r.LoadAfter, r.EventBytes, r.Seed)
	for _, t := range r.tables() {
		if len(t.rows) > 0 {
			t.print(w)
		}
	}
}

func (r *report) saveMarkdown(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	var text strings.Builder
	r.print(&text)
	return os.WriteFile(path, []byte(strings.TrimPrefix(text.String(), "\n")), 0o600)
}
