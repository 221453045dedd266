package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// LineField is the name under which a mapping reads the line's number.
const LineField = "$line"

// Outcome is what became of one record.
type Outcome int

// A record becomes an event, or is refused because it does not fit the mapping,
// or is skipped because the mapping says so.
const (
	Mapped Outcome = iota
	Refused
	Skipped
)

// Result is one record of the file.
type Result struct {
	Outcome Outcome
	Line    int    // of its first line, from 1
	Lines   int    // how many lines it takes; more than 1 when a quoted value holds line ends
	Event   Event  // when Mapped
	Reason  string // when not Mapped; the same for all records with the same trouble
	Detail  string // what this record had, or ""
}

// Reader walks the records of one file with bounded memory.
type Reader struct {
	m     *Mapping
	lines *lines
	names []string // of the columns; nil until the header was read
	index map[string]int
	ahead []ahead // read to find the header
}

// ahead is an answer of Next that was read before it was asked for.
type ahead struct {
	result Result
	err    error
}

// Reader reads text (see [Open]) with the mapping.
func (m *Mapping) Reader(text io.Reader) (*Reader, error) {
	l, err := newLines(text, m.format.encoding)
	if err != nil {
		return nil, err
	}
	r := &Reader{m: m, lines: l}
	if !m.format.header {
		r.setNames(m.format.names)
	}
	return r, nil
}

func (r *Reader) setNames(names []string) { r.names, r.index = names, indexOf(names) }

// findHeader reads up to the header, where there is one, and returns what the
// mapping expects of it in vain.
func (r *Reader) findHeader() []mistake {
	for r.names == nil {
		result, err := r.read()
		var wrong headerError
		if errors.As(err, &wrong) {
			return wrong
		}
		r.ahead = append(r.ahead, ahead{result, err})
		if err != nil {
			break
		}
	}
	return nil
}

// headerError is what is wrong with a file's header for the mapping.
type headerError []mistake

// Error implements error.
func (e headerError) Error() string {
	lines := make([]string, len(e))
	for i, m := range e {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// Next reads one record. It returns io.EOF after the last. Any other error ends
// the reading: the file cannot be read on, or its header lacks fields.
func (r *Reader) Next() (Result, error) {
	if len(r.ahead) > 0 {
		next := r.ahead[0]
		r.ahead = r.ahead[1:]
		return next.result, next.err
	}
	return r.read()
}

func (r *Reader) read() (Result, error) {
	first, err := r.lines.next()
	if err != nil {
		return Result{}, err
	}
	f := &r.m.format
	skipped := func(reason string) (Result, error) {
		return Result{Outcome: Skipped, Line: first.number, Lines: 1, Reason: reason}, nil
	}
	switch {
	case first.number <= f.skipLines:
		return skipped("one of the first lines (format.skip_lines)")
	case len(bytes.TrimSpace(first.text)) == 0 && !first.tooLong:
		return skipped("blank line")
	case f.comment != "" && bytes.HasPrefix(first.text, []byte(f.comment)):
		return skipped("comment (format.comment)")
	}
	rec, err := r.record(first)
	var fatal readError
	if errors.As(err, &fatal) {
		return Result{}, fatal.error
	}
	if err == nil && r.names == nil && f.header {
		if err := r.readHeader(rec.fields.(columns).values); err != nil { //nolint:forcetypeassert // only formats of columns have a header
			return Result{}, err
		}
		return skipped("header")
	}
	result := Result{Line: first.number, Lines: 1 + rec.more}
	if err == nil {
		err = r.m.judge(rec, &result)
	}
	if err != nil {
		result.Outcome = Refused
		result.Reason, result.Detail = explain(err)
	}
	return result, nil
}

// explain parts an error into what it shares with others and what is its own.
func explain(err error) (reason, detail string) {
	var r refusal
	if errors.As(err, &r) {
		return r.reason, shorten(r.detail)
	}
	return err.Error(), ""
}

// shorten keeps a detail readable in a table.
func shorten(text string) string {
	const most = 160
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

func (r *Reader) readHeader(names []string) error {
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	if given := r.m.format.names; given != nil {
		if len(given) != len(names) {
			return headerError{{text: fmt.Sprintf("the header has %d columns, format.columns has %d", len(names), len(given))}}
		}
		r.setNames(given) // which were held against the mapping when it was loaded
		return nil
	}
	if name, twice := repeated(names); twice && slices.ContainsFunc(r.m.values(), func(v *value) bool { return slices.Contains(v.names(), name) }) {
		return headerError{{text: fmt.Sprintf("the header names %q twice: name the columns with format.columns", name)}}
	}
	r.setNames(names)
	return r.m.judgeHeader(names)
}

// judgeHeader says which fields the mapping reads that the header has not. When it
// has none of them, that is one mistake and not one for each.
func (m *Mapping) judgeHeader(names []string) error {
	missing, reads := m.missing(names), m.reads()
	if len(missing) == 0 {
		return nil
	}
	if len(reads) > 1 && !slices.ContainsFunc(reads, func(name string) bool { return slices.Contains(names, name) }) {
		hint := "is it another file, or is there no header?"
		if len(names) == 1 {
			hint = "is format.delimiter right?"
		}
		return headerError{{text: fmt.Sprintf("the file's header has none of the %d fields that %s reads (%s), but %q: %s",
			len(reads), m.name, shorten(strings.Join(reads, ", ")), shorten(strings.Join(names, ", ")), hint)}}
	}
	var wrong headerError
	for _, one := range missing {
		wrong = append(wrong, mistake{m.name, one.node.Line, one.text})
	}
	return wrong
}

// reads lists the fields that the mapping reads, each once.
func (m *Mapping) reads() []string {
	var names []string
	for _, v := range m.values() {
		names = append(names, v.names()...)
	}
	for _, c := range m.skip {
		names = append(names, c.field)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == LineField || name == "" })
}

// record is one record on its way to an event.
type record struct {
	fields
	line int
	raw  []byte // its bytes without the last line end
	more int    // lines after the first
}

func (r record) lookup(name string) (cell, bool) {
	if name == LineField {
		return cell{text: strconv.Itoa(r.line)}, true
	}
	return r.fields.lookup(name)
}

// record splits a line, and those that belong to it, into fields.
func (r *Reader) record(first line) (record, error) {
	rec := record{line: first.number, raw: first.text}
	if first.tooLong {
		return rec, fmt.Errorf("the line is longer than %d bytes", MaxRecordBytes)
	}
	f := &r.m.format
	var values []string
	var err error
	switch f.kind {
	case "csv":
		values, rec.raw, rec.more, err = f.readCSV(first, r.lines, f.acceptUnclosed)
	case "whitespace":
		values = strings.Fields(string(first.text))
	case "fixed_width":
		values, err = f.cut(string(first.text))
	case "regexp":
		rec.fields, err = f.match(string(first.text))
		return rec, err
	default:
		rec.fields, err = parseTree(first.text)
		return rec, err
	}
	if err == nil && r.names != nil {
		err = f.count(len(values), len(r.names))
	}
	rec.fields = columns{index: r.index, values: values}
	return rec, err
}

func (f *format) match(text string) (fields, error) {
	for _, p := range f.patterns {
		if m := p.FindStringSubmatch(text); m != nil {
			return columns{index: p.index, values: m}, nil
		}
	}
	return columns{}, refuse("the line does not match format.pattern", "%q", text)
}

// cut takes the columns of a fixed-width line, counted in characters.
func (f *format) cut(text string) ([]string, error) {
	runes := []rune(text)
	if !utf8.ValidString(text) {
		return nil, refuse("the line is not UTF-8 (say what it is with format.encoding)", "%q", text)
	}
	var values []string
	for _, s := range f.spans {
		if s.first >= len(runes) {
			break
		}
		end := len(runes)
		if s.end >= 0 {
			end = min(end, s.end)
		}
		values = append(values, strings.TrimSpace(string(runes[s.first:end])))
	}
	return values, nil
}
