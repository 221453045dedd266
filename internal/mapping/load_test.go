package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Defends that a mistake in a mapping is found before the first event is sent,
// with its line and what to write instead.
func TestLoadRefuses(t *testing.T) {
	ok := head + csvFormat
	for _, c := range []struct{ text, want string }{
		{ok + "custmer: x\n", `m.yaml:6: the mapping has no key "custmer"; did you mean "customer"?`},
		{ok + "source: again\n", `m.yaml:6: the mapping has the key "source" twice, first on line 1`},
		{ok + "data:\n  a: {feild: x}\n", `m.yaml:7: data.a has no key "feild"; did you mean "field"?`},
		{ok + "data:\n  a: {field: x, const: 1}\n", `m.yaml:7: data.a needs exactly one of field, template and const`},
		{ok + "data:\n  a: {field: x, type: integer}\n", `m.yaml:7: data.a.type is "integer"; write one of: string, int, number, bool, time, json`},
		{ok + "data:\n  a: {field: x, layout: unix}\n", `m.yaml:7: data.a.layout only works with type: time`},
		{ok + "data: {a: x, a.b: y}\n", `m.yaml:6: data.a.b: "a" is a value already and cannot hold "b"`},
		{ok + "data: {a: {template: 'no field'}}\n", `names no {field}`},
		{ok + "data_by_type: {shop.other: {a: x}}\n", `data_by_type.shop.other: the mapping makes no event of this type`},
		{head + "format: {type: cvs}\n", `m.yaml:5: format.type is "cvs"; write one of: csv, ndjson, regexp, whitespace, fixed_width; did you mean "csv"?`},
		{head + "format: {type: ndjson, delimiter: ','}\n", `m.yaml:5: format of type ndjson has no key "delimiter"`},
		{head + "format: csv\n", `format has neither a header nor columns`},
		{head + "format: {type: csv, columns: [whom, at]}\n", `m.yaml:3: customer reads the field "who", which the file has not; did you mean "whom"?`},
		{head + "format: {type: regexp, pattern: '(?P<who>'}\n", `m.yaml:5: format.pattern: error parsing regexp`},
		{head + "format: {type: csv, header: true, encoding: utf9}\n", `encoding "utf9" is unknown`},
		{strings.Replace(ok, "rfc3339", "'2006-01-02'", 1), `m.yaml:4: time.layout "2006-01-02": it names no zone`},
		{strings.Replace(ok, "rfc3339", "'15:04:05 -0700'", 1), `it names no day`},
		{strings.Replace(ok, "rfc3339", "'%d.%m. %H:%M', zone: UTC", 1), `it names no year`},
		{strings.Replace(ok, "rfc3339", "'%Q'", 1), `the directive %Q is unknown`},
		{strings.Replace(ok, "rfc3339", "rfc3339, zone: Berlin", 1), `"Berlin" is no time zone`},
		{strings.Replace(ok, "shop.item_seen", "Item Seen", 1), `write an event type as <domain>.<event>`},
		{csvFormat, `the mapping has no key "source", which every mapping needs`},
		{"a: b: c", `m.yaml: mapping values are not allowed in this context`},
		{"", `the mapping is empty`},
	} {
		_, err := Load("m.yaml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// Defends that a header without a needed column stops the import before it
// begins.
func TestHeaderRefuses(t *testing.T) {
	m := load(t, head+csvFormat+"data: {note: note}\n")
	_, err := readAll(m, strings.NewReader("who,at,notes\n"))
	if err == nil || err.Error() != `m.yaml:6: data.note reads the field "note", which the file has not; did you mean "notes"?` {
		t.Error(err)
	}
}

// Defends the promise that all mistakes are told at once, with their lines: those
// of the mapping and the fields that the file has not.
func TestLoadForReportsAllAtOnce(t *testing.T) {
	text := "source: test\ncustomer: Kundee\ntype: shop.item_seen\ntime: {field: at, layout: nothing}\n" +
		"format: {type: csv, header: true, skip_lines: 1}\ndata:\n  a: {field: at, layuot: unix}\n  b: nott\n"
	_, _, err := LoadFor("m.yaml", []byte(text), strings.NewReader("junk\nKunde,at,note\n"))
	if err == nil {
		t.Fatal("it was taken")
	}
	var lines []string
	for line := range strings.Lines(err.Error()) {
		lines = append(lines, strings.TrimSpace(line))
	}
	want := []string{
		`m.yaml:2: customer reads the field "Kundee", which the file has not; did you mean "Kunde"?`,
		`m.yaml:4: time.layout "nothing"`,
		`m.yaml:7: data.a has no key "layuot"; did you mean "layout"?`,
		`m.yaml:8: data.b reads the field "nott", which the file has not; did you mean "note"?`,
	}
	if len(lines) != len(want) {
		t.Fatalf("got\n%v", err)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("got %s\nwant %s", lines[i], want[i])
		}
	}
}

// Defends the reader of the message when it is the file that is wrong: one
// mistake, not one for each field.
func TestLoadForAnotherFile(t *testing.T) {
	for file, want := range map[string]string{
		"when;who;price\n": `(at, note, who), but "when;who;price": is format.delimiter right?`,
		"a,b,c\n1,2,3\n":   `(at, note, who), but "a, b, c": is it another file, or is there no header?`,
	} {
		_, _, err := LoadFor("m.yaml", []byte(head+csvFormat+"data: {note: note}\n"), strings.NewReader(file))
		if err == nil || !strings.HasSuffix(err.Error(), "the file's header has none of the 3 fields that m.yaml reads "+want) {
			t.Error(err)
		}
	}
}

// Defends that looking for the header loses nothing of the file.
func TestLoadForReadsAll(t *testing.T) {
	const at = "2020-01-02T03:04:05Z"
	text := head + "format: {type: csv, header: true, skip_lines: 1, comment: '#'}\n"
	_, r, err := LoadFor("m.yaml", []byte(text), strings.NewReader("junk\n\n# c\nwho,at\nann,"+at+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for result, err := r.Next(); err == nil; result, err = r.Next() {
		got = append(got, brief(result))
	}
	want := []string{"1 skipped one of the first lines (format.skip_lines)", "2 skipped blank line", "3 skipped comment (format.comment)", "4 skipped header", "5 shop.item_seen ann " + at + " {}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
