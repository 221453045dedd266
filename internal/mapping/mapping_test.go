package mapping

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// head is the part of a mapping that most tests do not care about.
const head = "source: test\ntype: shop.item_seen\ncustomer: who\ntime: {field: at, layout: rfc3339}\n"

const csvFormat = "format: {type: csv, header: true}\n"

func load(t testing.TB, text string) *Mapping {
	t.Helper()
	m, err := Load("m.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func read(t testing.TB, m *Mapping, text string) []Result {
	t.Helper()
	results, err := readAll(m, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func readAll(m *Mapping, text io.Reader) ([]Result, error) {
	r, err := m.Reader(text)
	if err != nil {
		return nil, err
	}
	var out []Result
	for {
		result, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, result)
	}
}

// brief words a result in one line.
func brief(r Result) string {
	switch r.Outcome {
	case Mapped:
		return fmt.Sprintf("%d %s %s %s %s", r.Line, r.Event.Type, r.Event.Customer, formatTime(r.Event.Time), r.Event.Data)
	case Refused:
		return fmt.Sprintf("%d refused %s: %s", r.Line, r.Reason, r.Detail)
	default:
		return fmt.Sprintf("%d skipped %s", r.Line, r.Reason)
	}
}

func briefs(results []Result) []string {
	var out []string
	for _, r := range results {
		out = append(out, brief(r))
	}
	return out
}

// Defends how each format falls into fields, with what real files do wrong.
func TestFormats(t *testing.T) {
	const at = "2020-01-02T03:04:05Z"
	for name, c := range map[string]struct {
		mapping, file string
		want          []string
	}{
		"csv with quotes, line ends in values, blank lines and a BOM": {
			head + csvFormat + "data: {note: note}\n",
			"\ufeffwho,at,note\r\nann," + at + ",\"a \"\"b\"\", c\nd\"\r\n\r\nbob," + at + ",x\"y\r\n",
			[]string{
				"1 skipped header",
				"2 shop.item_seen ann " + at + ` {"note":"a \"b\", c\nd"}`,
				"4 skipped blank line",
				"5 shop.item_seen bob " + at + ` {"note":"x\"y"}`,
			},
		},
		"csv with wrong lines costs only those": {
			head + csvFormat + "data: {note: note}\n",
			"who,at,note\nann," + at + "\nbob," + at + ",\"open\ncyd," + at + ",\"a\"b\ndan," + at + ",ok,more\neve," + at + ",ok",
			[]string{
				"1 skipped header",
				"2 refused fewer values than the 3 columns (format.missing_columns: empty would accept it): ",
				"3 refused text stands between a closing quote and the next delimiter: ",
				"4 refused text stands between a closing quote and the next delimiter: ",
				"5 refused more values than the 3 columns (format.extra_columns: ignore would accept it): ",
				"6 shop.item_seen eve " + at + ` {"note":"ok"}`,
			},
		},
		"csv that is told to accept": {
			head + "format: {type: csv, delimiter: '::', columns: [who, at, note], missing_columns: empty, extra_columns: ignore, unclosed_quote: accept, comment: '#', skip_lines: 1}\ndata: {note: note}\n",
			"junk\n# c\nann::" + at + "\nbob::" + at + "::a::b\ncyd::" + at + "::\"cut",
			[]string{
				"1 skipped one of the first lines (format.skip_lines)",
				"2 skipped comment (format.comment)",
				"3 shop.item_seen ann " + at + " {}",
				"4 shop.item_seen bob " + at + ` {"note":"a"}`,
				"5 shop.item_seen cyd " + at + ` {"note":"cut"}`,
			},
		},
		"tab separated, other quote, backslash, trimmed": {
			head + "format: {type: csv, delimiter: tab, quote: \"'\", escape: backslash, trim: true, columns: [who, at, note]}\ndata: {note: note}\n",
			" ann \t" + at + "\t 'it\\'s' \n",
			[]string{"1 shop.item_seen ann " + at + ` {"note":"it's"}`},
		},
		"ndjson with paths, pointers, null, big numbers and lists": {
			"source: test\nformat: ndjson\ntype: shop.item_seen\ncustomer: user.id\ntime: {field: at, layout: [rfc3339, unix_ms]}\ndata: {big: n, sku: items.1.sku, dotted: /a.b, gone: nil, all: items}\n",
			`{"user":{"id":7},"at":1577934245000,"n":9007199254740993,"items":[{},{"sku":"x"}],"a.b":true,"nil":null}` + "\n[1]\n{\"at\":1,\"at\":2}\nnot json",
			[]string{
				"1 shop.item_seen 7 " + at + ` {"big":9007199254740993,"sku":"x","dotted":true,"all":[{},{"sku":"x"}]}`,
				`2 refused the line is no JSON object: "[1]"`,
				`3 refused the line is no JSON object: character 9: the member "at" stands there a second time`,
				`4 refused the line is no JSON object: "not json"`,
			},
		},
		"regexp matches the whole line, the first of several": {
			head + "format:\n  type: regexp\n  pattern:\n    - '(?P<who>\\w+) (?P<at>\\S+)'\n    - 'v2 (?P<at>\\S+) (?P<who>\\w+)'\n",
			"ann " + at + "\nv2 " + at + " bob\nann " + at + " more",
			[]string{
				"1 shop.item_seen ann " + at + " {}",
				"2 shop.item_seen bob " + at + " {}",
				`3 refused the line does not match format.pattern: "ann 2020-01-02T03:04:05Z more"`,
			},
		},
		"whitespace with a header": {
			head + "format: {type: whitespace, header: true}\n",
			"  at   who\n" + at + "\t ann  \n",
			[]string{"1 skipped header", "2 shop.item_seen ann " + at + " {}"},
		},
		"fixed width counts characters": {
			head + "format: {type: fixed_width, columns: [{name: who, width: 5}, {name: at}]}\n",
			"Jürg " + at + "\nabc",
			[]string{
				"1 shop.item_seen Jürg " + at + " {}",
				"2 refused fewer values than the 2 columns (format.missing_columns: empty would accept it): ",
			},
		},
		"latin1": {
			head + "format: {type: csv, encoding: latin1, columns: [who, at]}\n",
			"J\xfcrg," + at,
			[]string{"1 shop.item_seen Jürg " + at + " {}"},
		},
		"bytes that are not UTF-8 are refused, not replaced": {
			head + "format: {type: csv, columns: [who, at]}\n",
			"J\xfcrg," + at,
			[]string{`1 refused customer: the value is not UTF-8 (say what it is with format.encoding): "J\xfcrg"`},
		},
		"utf-16 with its mark": {
			head + "format: {type: csv, columns: [who, at]}\n",
			"\xff\xfea\x00,\x002\x000\x002\x000\x00-\x000\x001\x00-\x000\x002\x00T\x000\x003\x00:\x000\x004\x00:\x000\x005\x00Z\x00\n\x00",
			[]string{"1 shop.item_seen a " + at + " {}"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := briefs(read(t, load(t, c.mapping), c.file))
			for i := range got { // the JSON package varies blanks in its errors
				got[i] = strings.ReplaceAll(got[i], "\u00a0", " ")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Defends every key of a value: what it makes, what it refuses, when it is left
// out.
func TestValues(t *testing.T) {
	for _, c := range []struct{ value, field, want string }{
		{`x`, "a b", `"a b"`},
		{`x`, "", ``},
		{`{field: [y, x]}`, "v", `"v"`},
		{`{template: "{x}-{$line}{{}}"}`, "v", `"v-1{}"`},
		{`{template: "a{y}{x}"}`, "v", ``},
		{`{const: {a: [1, true]}}`, "", `{"a":[1,true]}`},
		{`{const: 2015-05-17}`, "", `"2015-05-17"`},
		{`{field: x, default: none}`, "-", `"none"`},
		{`{field: x, required: true}`, "-", `refused data.d: required, but empty: field x`},
		{`{field: x, empty: [N/A]}`, "N/A", ``},
		{`{field: x, trim: true, case: upper, prefix: p-}`, " ab ", `"p-AB"`},
		{`{field: x, extract: 'id=(\d+)', type: int}`, "a?id=42&b", `42`},
		{`{field: x, extract: 'id=(\d+)'}`, "a", `refused data.d: the value does not match extract: "a"`},
		{`{field: x, map: {y: 1, n: false}}`, "n", `false`},
		{`{field: x, map: {y: 1}}`, "z", `refused data.d: the value is not in map: "z"`},
		{`{field: x, map: {y: 1}, otherwise: omit}`, "z", ``},
		{`{field: x, map: {y: 1}, otherwise: omit, default: 9}`, "z", `9`},
		{`{field: x, map: {y: 1}, otherwise: keep, type: int}`, "7", `7`},
		{`{field: x, type: int}`, " +007 ", `7`},
		{`{field: x, type: int}`, "1.0", `1`},
		{`{field: x, type: int}`, "1.5", `refused data.d: the value is no whole number (round: true would round it): "1.5"`},
		{`{field: x, type: int, round: true}`, "2.5", `3`},
		{`{field: x, type: int}`, "9223372036854775808", `refused data.d: the value does not fit 64 bits: "9223372036854775808"`},
		{`{field: x, type: int, multiply: 1000000}`, "29.33", `29330000`},
		{`{field: x, type: int}`, "1e999999999", `refused data.d: the value is no number: "1e999999999"`},
		{`{field: x, type: number}`, "29.30", `29.30`},
		{`{field: x, type: number}`, ".5", `0.5`},
		{`{field: x, type: number, multiply: 0.01}`, "1999", `19.99`},
		{`{field: x, type: number, decimal: ",", thousands: "."}`, "1.234,5", `1234.5`},
		{`{field: x, type: number}`, "NaN", `refused data.d: the value is no number: "NaN"`},
		{`{field: x, type: number}`, "0x10", `refused data.d: the value is no number: "0x10"`},
		{`{field: x, type: bool}`, "YES", `true`},
		{`{field: x, type: bool}`, "2", `refused data.d: the value is neither true nor false: "2"`},
		{`{field: x, type: json}`, ` {"a": [1]} `, `{"a":[1]}`},
		{`{field: x, type: json}`, `{"a"`, "refused data.d: the value is no JSON"},
		{`{field: x, type: time, layout: "%d.%m.%y", zone: "+02:00"}`, "17.05.15", `"2015-05-16T22:00:00Z"`},
		{`{field: x, split: ",", type: int}`, "1, 2,", `[1,2]`},
	} {
		t.Run(c.value+" of "+c.field, func(t *testing.T) {
			m := load(t, head+"format: {type: csv, delimiter: '|', quote: none, columns: [who, at, x, y], empty: ['-']}\ndata:\n  d: "+c.value+"\n")
			r := read(t, m, "ann|2020-01-02T03:04:05Z|"+c.field+"|")[0]
			got := strings.TrimSuffix(strings.TrimPrefix(string(r.Event.Data), `{"d":`), "}")
			if got == "{" {
				got = ""
			}
			if r.Outcome == Refused {
				got = "refused " + r.Reason + ": " + r.Detail
			}
			if got != c.want && (!strings.Contains(c.want, "no JSON") || !strings.HasPrefix(got, c.want)) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// Defends the instants that times of all kinds stand for: an hour's error moves
// sessions, so what is ambiguous must be refused.
func TestTimes(t *testing.T) {
	for _, c := range []struct{ time, field, want string }{
		{`layout: rfc3339`, "2015-05-17T10:05:03.25+02:00", "2015-05-17T08:05:03.25Z"},
		{`layout: unix`, "1431857103.123456789", "2015-05-17T10:05:03.123456789Z"},
		{`layout: unix`, "-1", "1969-12-31T23:59:59Z"},
		{`layout: unix`, "1431857103000", "refused time: the year is not between 1 and 9999"},
		{`layout: unix_ms`, "1431857103999", "2015-05-17T10:05:03.999Z"},
		{`layout: unix_us`, "1431857103000001", "2015-05-17T10:05:03.000001Z"},
		{`layout: unix_ns`, "1431857103000000001", "2015-05-17T10:05:03.000000001Z"},
		{`layout: "02/Jan/2006:15:04:05 -0700"`, "17/May/2015:10:05:03 -0130", "2015-05-17T11:35:03Z"},
		{`layout: "%d/%b/%Y:%H:%M:%S %z"`, "17/May/2015:10:05:03 +0000", "2015-05-17T10:05:03Z"},
		{`layout: "%Y-%m-%dT%H:%M:%S.%f%z"`, "2015-05-17T10:05:03.5+05:30", "2015-05-17T04:35:03.5Z"},
		{`layout: "%Y-%m-%d %I:%M %p", zone: America/New_York`, "2015-05-17 01:05 PM", "2015-05-17T17:05:00Z"},
		{`layout: "2006-01-02 15:04:05", zone: Europe/Berlin`, "2015-01-17 10:05:03", "2015-01-17T09:05:03Z"},
		{`layout: "2006-01-02 15:04:05 MST"`, "2019-10-01 00:00:00 UTC", "2019-10-01T00:00:00Z"},
		{`layout: "2006-01-02 15:04:05 MST"`, "2019-10-01 00:00:00 PST", "refused time: the zone's abbreviation is unknown (set zone to the place's name, such as America/New_York)"},
		{`layout: "2006-01-02 15:04:05 MST", zone: America/New_York`, "2019-10-01 00:00:00 EDT", "2019-10-01T04:00:00Z"},
		{`layout: "%b %e %H:%M:%S", zone: UTC, year: 2016`, "Feb 29 10:00:00", "2016-02-29T10:00:00Z"},
		{`layout: "%b %e %H:%M:%S", zone: UTC, year: 2015`, "Feb 29 10:00:00", "refused time: the day does not exist in the year 2015"},
		{`layout: [unix, "%Y%m%d"], zone: UTC`, "19970101", "1970-08-20T03:15:01Z"}, // in the mapping's order
		{`layout: ["%Y%m%d", unix], zone: UTC`, "1431857103", "2015-05-17T10:05:03Z"},
		{`layout: rfc3339`, "yesterday", `refused time: the value does not fit layout "rfc3339"`},
		{`layout: rfc3339`, "", `refused time: required, but empty`},
	} {
		t.Run(c.time+" of "+c.field, func(t *testing.T) {
			m := load(t, "source: test\ntype: shop.item_seen\ncustomer: who\nformat: {type: csv, columns: [who, at]}\ntime: {field: at, "+c.time+"}\n")
			r := read(t, m, "ann,"+c.field)[0]
			got := formatTime(r.Event.Time)
			if r.Outcome == Refused {
				got = "refused " + r.Reason
			}
			if got != c.want {
				t.Errorf("got %s (%s), want %s", got, r.Detail, c.want)
			}
		})
	}
}

// Defends that every record is accounted for by the type rules and the skips.
func TestTypesAndSkips(t *testing.T) {
	const format = "source: t\ncustomer: who\nformat: {type: csv, columns: [who, what]}\ntime: {template: '2020-01-0{who}', layout: '2006-01-02', zone: UTC}\n"
	for _, c := range []struct{ rules, want string }{
		{"type: {field: what, values: {buy: a.bought, see: a.seen}}", "a.bought {}|a.seen {}|type: the value is not in type.values"},
		{"type: {field: what, values: {buy: a.bought, see: a.seen}, otherwise: skip}", "a.bought {}|a.seen {}|type: the value is not in type.values (type.otherwise: skip)"},
		{"type: {field: what, values: {buy: a.bought}, otherwise: a.else}", "a.bought {}|a.else {}|a.else {}"},
		{"type: a.any\nskip: [{field: what, equals: [buy, see], reason: known}]", "known|known|a.any {}"},
		{"type: a.any\nskip: [{field: what, matches: ^b, unless: true, reason: not b}]", "a.any {}|not b|not b"},
		{
			"type: {field: what, values: {buy: a.bought, see: a.seen}}\ndata: {n: who, l.0: who, o.p.q: what}\ndata_by_type: {a.seen: {n: {const: 1}, extra: what}}",
			`a.bought {"n":"1","l":["1"],"o":{"p":{"q":"buy"}}}|a.seen {"n":1,"l":["2"],"o":{"p":{"q":"see"}},"extra":"see"}|type: the value is not in type.values`,
		},
	} {
		var got []string
		for _, r := range read(t, load(t, format+c.rules), "1,buy\n2,see\n3,hum") {
			got = append(got, strings.TrimSpace(r.Reason+r.Event.Type+" "+string(r.Event.Data)))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, "|")); diff != "" {
			t.Errorf("%s: %s", c.rules, diff)
		}
	}
}

// Defends that an import may be repeated: the id depends on the source, the
// line's number and its bytes, and on nothing else.
func TestMadeIDs(t *testing.T) {
	ids := func(source, file string) []string {
		var out []string
		for _, r := range read(t, load(t, strings.Replace(head, "source: test", "source: "+source, 1)+"format: {type: csv, columns: [who, at]}\n"), file) {
			out = append(out, r.Event.ID)
		}
		return out
	}
	const row = "ann,2020-01-02T03:04:05Z"
	a, b := ids("x", row+"\n"+row+"\n"), ids("x", row+"\r\n"+row)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the same lines got other ids:\n%s", diff)
	}
	if a[0] == a[1] || a[0] == ids("y", row)[0] {
		t.Error("two lines or two sources share an id")
	}
	if want := "613fb9f939d620471e263e8cda39511a"; a[0] != want {
		t.Errorf("the id of a line changed from %s to %s: files imported before would be counted twice", want, a[0])
	}
}

// Defends the memory: a file without line ends costs one refused line, and a
// quote that is never closed one line and not the rest of the file.
func TestBoundedRecords(t *testing.T) {
	m := load(t, head+csvFormat)
	results := read(t, m, "who,at\n"+strings.Repeat("x", 5*MaxRecordBytes)+"\n\"open,2020-01-02T03:04:05Z\n"+
		strings.Repeat("ann,2020-01-02T03:04:05Z\n", 60_000))
	counts := map[string]int{}
	for _, r := range results {
		counts[r.Reason]++
	}
	want := map[string]int{"header": 1, "the line is longer than 1048576 bytes": 1, "a quote is never closed": 1, "": 60_000}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}

// Defends reading compressed files by what they hold, and telling of damaged
// ones.
func TestOpen(t *testing.T) {
	var packed bytes.Buffer
	for _, part := range []string{"hello ", "world"} { // two members, as logrotate and cat make them
		z := gzip.NewWriter(&packed)
		_, _ = io.WriteString(z, part)
		_ = z.Close()
	}
	for name, file := range map[string]string{"a.gz": packed.String(), "-": packed.String(), "a.txt": "hello world"} {
		r, err := Open(strings.NewReader(file), name)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(r); err != nil || string(text) != "hello world" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := Open(strings.NewReader("hello"), "a.gz"); err == nil {
		t.Error("plain text called .gz was read")
	}
	cut, err := Open(bytes.NewReader(packed.Bytes()[:packed.Len()-4]), "a.gz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(cut); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that was cut off ended with %v", err)
	}
}
