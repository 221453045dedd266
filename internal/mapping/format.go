package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// format says how the lines of a file fall into fields.
type format struct {
	broken    bool   // it has mistakes: nothing can be read with it
	kind      string // csv, ndjson, regexp, whitespace or fixed_width
	encoding  string // WHATWG label; "" is UTF-8
	skipLines int    // lines at the beginning that are no records
	comment   string // a line that begins so is no record; "" for none
	empty     []string

	csvSyntax
	header         bool     // the first record names the columns
	names          []string // nil when the header names them
	acceptMissing  bool     // fewer values than columns: the rest is empty
	ignoreExtra    bool     // more values than columns: the rest is ignored
	acceptUnclosed bool     // a quote that is never closed ends at its line's end
	patterns       []pattern
	spans          []span
}

// pattern is one way in which a line may be written.
type pattern struct {
	*regexp.Regexp
	index map[string]int
}

// span is one column of a fixed-width file: runes from first to end, end
// excluded; end -1 reaches to the end of the line.
type span struct{ first, end int }

var formatTypes = []string{"csv", "ndjson", "regexp", "whitespace", "fixed_width"}

func (d *document) format(n *yaml.Node) format {
	f := format{csvSyntax: csvSyntax{delimiter: ",", quote: '"'}}
	if n.Kind == yaml.ScalarNode { // `format: ndjson`
		d.choice(&f.kind, "format", formatTypes...)(n)
		d.finishFormat(n, &f)
		return f
	}
	typeNode := child(n, "type")
	if typeNode == nil {
		d.errorf(n, "format has no type: add `type: csv`, or one of %s", strings.Join(formatTypes, ", "))
		return f
	}
	d.choice(&f.kind, "format.type", formatTypes...)(typeNode)
	if f.kind == "" {
		return f
	}
	d.object(n, "format of type "+f.kind, d.formatKeys(&f))
	d.finishFormat(n, &f)
	return f
}

// child finds the value of a key without judging the others.
func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolve(n.Content[i+1])
		}
	}
	return nil
}

func (d *document) formatKeys(f *format) keys {
	known := keys{
		"type":       func(*yaml.Node) {},
		"encoding":   d.encoding(&f.encoding),
		"skip_lines": d.number(&f.skipLines, "format.skip_lines"),
		"comment":    d.text(&f.comment, "format.comment"),
		"empty":      d.texts(&f.empty, "format.empty"),
	}
	switch f.kind {
	case "csv":
		known["delimiter"] = d.delimiter(&f.delimiter)
		known["quote"] = d.quote(&f.quote)
		known["escape"] = d.either(&f.backslash, "format.escape", "backslash", "double")
		known["trim"] = d.flag(&f.trim, "format.trim")
		known["unclosed_quote"] = d.either(&f.acceptUnclosed, "format.unclosed_quote", "accept", "refuse")
		d.columnKeys(f, known)
	case "whitespace":
		d.columnKeys(f, known)
	case "regexp":
		known["pattern"] = d.patterns(f)
	case "fixed_width":
		known["columns"] = d.spans(f)
		known["missing_columns"] = d.either(&f.acceptMissing, "format.missing_columns", "empty", "refuse")
	}
	return known
}

func (d *document) columnKeys(f *format, known keys) {
	known["header"] = d.flag(&f.header, "format.header")
	known["columns"] = d.texts(&f.names, "format.columns")
	known["missing_columns"] = d.either(&f.acceptMissing, "format.missing_columns", "empty", "refuse")
	known["extra_columns"] = d.either(&f.ignoreExtra, "format.extra_columns", "ignore", "refuse")
}

// either reads one of two words; the first sets into.
func (d *document) either(into *bool, what, yes, no string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var word string
		d.choice(&word, what, yes, no)(n)
		*into = word == yes
	}
}

func (d *document) encoding(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d.text(into, "format.encoding")(n)
		if _, err := lookUpEncoding(*into); err != nil {
			d.errorf(n, "%v", err)
		}
	}
}

func (d *document) delimiter(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d.text(into, "format.delimiter")(n)
		switch {
		case *into == "tab":
			*into = "\t"
		case *into == "", strings.ContainsAny(*into, "\r\n"):
			d.errorf(n, "format.delimiter is %q: write the text between two values, such as \",\", \";\", \"|\" or tab", n.Value)
		}
	}
}

func (d *document) quote(into *byte) func(*yaml.Node) {
	return func(n *yaml.Node) {
		switch {
		case n.Value == "none":
			*into = 0
		case len(n.Value) == 1 && n.Value[0] < utf8.RuneSelf:
			*into = n.Value[0]
		default:
			d.errorf(n, "format.quote is %q: write one character, or none", n.Value)
		}
	}
}

func (d *document) patterns(f *format) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var texts []string
		d.texts(&texts, "format.pattern")(n)
		for _, text := range texts {
			// A pattern must match all of a line: what it leaves out would be lost in silence.
			re, err := regexp.Compile(`^(?:` + text + `)$`)
			if err != nil {
				d.errorf(n, "format.pattern: %v", err)
				continue
			}
			p := pattern{Regexp: re, index: map[string]int{}}
			for i, name := range re.SubexpNames() {
				if name != "" {
					p.index[name] = i
					f.names = append(f.names, name)
				}
			}
			f.patterns = append(f.patterns, p)
		}
		slices.Sort(f.names)
		f.names = slices.Compact(f.names)
	}
}

func (d *document) spans(f *format) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			d.errorf(n, "format.columns must be a list such as `- {name: customer, from: 1, to: 6}`")
			return
		}
		at := 0
		for _, item := range n.Content {
			item = resolve(item)
			var name string
			var from, to, width int
			d.object(item, "format.columns", keys{
				"name":  d.text(&name, "name"),
				"from":  d.number(&from, "from"),
				"to":    d.number(&to, "to"),
				"width": d.number(&width, "width"),
			})
			if from == 0 {
				from = at + 1
			}
			s := span{first: from - 1, end: -1}
			switch {
			case to > 0:
				s.end = to
			case width > 0:
				s.end = s.first + width
			}
			if name == "" || (to > 0 && width > 0) || (s.end >= 0 && s.end <= s.first) {
				d.errorf(item, "a column needs a name and either to (the last position, from 1) or width; only the last may have neither")
				continue
			}
			at = s.end
			f.names, f.spans = append(f.names, name), append(f.spans, s)
		}
	}
}

// finishFormat checks what only all keys together can tell.
func (d *document) finishFormat(n *yaml.Node, f *format) {
	switch f.kind {
	case "csv", "whitespace":
		if !f.header && f.names == nil {
			d.errorf(n, "format has neither a header nor columns: add `header: true`, or name the columns in their order with `columns: [a, b, c]`")
		}
	case "regexp":
		if len(f.patterns) == 0 {
			d.errorf(n, "format has no pattern: add one with a named group for each field, such as `pattern: '(?P<client>\\S+) (?P<rest>.*)'`")
		} else if len(f.names) == 0 {
			d.errorf(n, "format.pattern has no named group: write (?P<name>...) around each field")
		}
	case "fixed_width":
		if f.spans == nil {
			d.errorf(n, "format has no columns: add a list such as `- {name: customer, from: 1, to: 6}`")
		}
	}
	if name, twice := repeated(f.names); twice && f.kind != "regexp" {
		d.errorf(n, "format.columns names %q twice", name)
	}
}

func repeated(names []string) (string, bool) {
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return name, true
		}
		seen[name] = true
	}
	return "", false
}

func indexOf(names []string) map[string]int {
	index := make(map[string]int, len(names))
	for i, name := range names {
		index[name] = i
	}
	return index
}

// count checks the number of values against the columns.
func (f *format) count(got, want int) error {
	switch {
	case got < want && !f.acceptMissing:
		return fmt.Errorf("fewer values than the %d columns (format.missing_columns: empty would accept it)", want)
	case got > want && !f.ignoreExtra:
		return fmt.Errorf("more values than the %d columns (format.extra_columns: ignore would accept it)", want)
	}
	return nil
}
