package mapping

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Defends that no bytes of a file make the engine panic, lose a line or make an
// event that is not whole.
func FuzzReader(f *testing.F) {
	const data = "data: {a: x, n: {field: x, type: number}, j: {field: x, type: json, default: {}}, l: {field: x, split: ','}}\n"
	formats := []string{
		"format: {type: csv, columns: [who, at, x], missing_columns: empty, extra_columns: ignore}\n",
		"format: {type: csv, columns: [who, at, x], escape: backslash, trim: true, unclosed_quote: accept, delimiter: '::'}\n",
		"format: ndjson\n",
		"format: {type: regexp, pattern: '(?P<who>\\S*) (?P<at>\\S*) (?P<x>.*)'}\n",
		"format: {type: whitespace, columns: [who, at, x]}\n",
		"format: {type: fixed_width, columns: [{name: who, width: 3}, {name: at, width: 21}, {name: x}]}\n",
	}
	var mappings []*Mapping
	for _, format := range formats {
		mappings = append(mappings, load(f, head+format+data))
	}
	f.Add([]byte("ann,2020-01-02T03:04:05Z,\"1\n\"\n\"x"))
	f.Add([]byte("ann 2020-01-02T03:04:05Z 1e5\r\n\r\n"))
	f.Add([]byte(`{"who":1,"at":"2020-01-02T03:04:05Z","x":[1]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		for i, m := range mappings {
			results, err := readAll(m, strings.NewReader(string(file)))
			if err != nil {
				t.Fatalf("format %d: %v", i, err)
			}
			next := 1
			for _, r := range results {
				if r.Line != next || r.Lines < 1 {
					t.Fatalf("format %d: a record begins at line %d, expected %d", i, r.Line, next)
				}
				next += r.Lines
				whole := r.Event.ID != "" && r.Event.Customer != "" && r.Event.Data.Kind() == '{' && r.Event.Data.IsValid() && !r.Event.Time.IsZero()
				if (r.Outcome == Mapped) != whole || (r.Outcome != Mapped) != (r.Reason != "") {
					t.Fatalf("format %d: %+v", i, r)
				}
			}
		}
	})
}

// Defends the CSV syntax against the standard library's, where that accepts.
func FuzzCSV(f *testing.F) {
	f.Add("a,\"b\"\"c\",d\n\"e\nf\",g\n")
	m := load(f, "source: t\ntype: a.b\ncustomer: {const: c}\ntime: {template: '{$line}', layout: unix}\nformat: {type: csv, columns: [x], missing_columns: empty, extra_columns: ignore}\ndata: {x: x}\n")
	f.Fuzz(func(t *testing.T, file string) {
		if !utf8.ValidString(file) || strings.ContainsAny(file, "\r\ufeff") || len(file) > 4096 {
			t.Skip()
		}
		standard := csv.NewReader(strings.NewReader(file))
		standard.FieldsPerRecord = -1
		rows, err := standard.ReadAll()
		if err != nil {
			t.Skip()
		}
		var want, got []string
		for _, row := range rows {
			want = append(want, row[0])
		}
		results, err := readAll(m, strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Outcome != Mapped {
				continue
			}
			x, _ := strings.CutPrefix(string(r.Event.Data), `{"x":`)
			text, _ := jsontext.AppendUnquote(nil, strings.TrimSuffix(x, "}"))
			got = append(got, string(text))
		}
		// A blank line is no record, an empty value is left out of the data.
		blank := func(s string) bool { return strings.TrimSpace(s) == "" }
		want, got = slices.DeleteFunc(want, blank), slices.DeleteFunc(got, blank)
		if !slices.Equal(want, got) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Defends that a mapping file is read or refused, never a panic, and that one
// that is read can be used.
func FuzzLoad(f *testing.F) {
	f.Add(head + csvFormat + "data: {a.0: x, b: {template: '{x}', type: time, layout: '%Y', zone: UTC}}")
	f.Add(head + "format: {type: fixed_width, columns: [{name: who, from: 1, to: 3}, {name: at}]}")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Load("m.yaml", []byte(text))
		if err != nil {
			return
		}
		_, _ = readAll(m, strings.NewReader("who,at\nann,2020-01-02T03:04:05Z\n"))
	})
}
