package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document collects what is wrong with a mapping file, so that one reading
// reports every mistake and not only the first.
type document struct {
	name     string // as the reader of the message knows the file
	mistakes []mistake
}

// mistake is one thing that is wrong in one line of a mapping.
type mistake struct {
	name string
	line int // 0: of the whole, or of the file that it is for
	text string
}

// Error implements error.
func (m mistake) Error() string {
	if m.line == 0 {
		return m.text
	}
	return fmt.Sprintf("%s:%d: %s", m.name, m.line, m.text)
}

func (d *document) errorf(n *yaml.Node, format string, args ...any) {
	line := 1
	if n != nil {
		line = n.Line
	}
	d.mistakes = append(d.mistakes, mistake{d.name, line, fmt.Sprintf(format, args...)})
}

// err joins the mistakes in the order of their lines.
func (d *document) err() error {
	slices.SortStableFunc(d.mistakes, func(a, b mistake) int { return cmp.Compare(a.line, b.line) })
	errs := make([]error, len(d.mistakes))
	for i, m := range d.mistakes {
		errs[i] = m
	}
	return errors.Join(errs...)
}

// keys says what may stand in one YAML mapping and who reads it.
type keys map[string]func(value *yaml.Node)

// object hands every value of a YAML mapping to its reader. Unknown and repeated
// keys are errors: a misspelt key that is silently ignored would import a file
// wrongly.
func (d *document) object(n *yaml.Node, what string, known keys) {
	d.members(n, what, func(key, value *yaml.Node) {
		read, ok := known[key.Value]
		if !ok {
			d.errorf(key, "%s has no key %q%s", what, key.Value, suggest(key.Value, sortedKeys(known)))
			return
		}
		read(value)
	})
}

// members walks a YAML mapping whose keys are the user's own.
func (d *document) members(n *yaml.Node, what string, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.errorf(n, "%s must hold keys and values, as in `key: value`", what)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if first, twice := seen[key.Value]; twice {
			d.errorf(key, "%s has the key %q twice, first on line %d", what, key.Value, first)
			continue
		}
		seen[key.Value] = key.Line
		each(key, resolve(n.Content[i+1]))
	}
}

// resolve follows a YAML alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (d *document) text(into *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			d.errorf(n, "%s must be a text", what)
			return
		}
		*into = n.Value
	}
}

func (d *document) flag(into *bool, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			d.errorf(n, "%s must be true or false", what)
			return
		}
		*into = n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
	}
}

func (d *document) number(into *int, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		i, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || i < 0 {
			d.errorf(n, "%s must be a whole number, 0 or more", what)
			return
		}
		*into = i
	}
}

// texts reads a list of texts; one text alone is a list of one.
func (d *document) texts(into *[]string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
			*into = []string{n.Value}
			return
		}
		if n.Kind != yaml.SequenceNode {
			d.errorf(n, "%s must be a list of texts", what)
			return
		}
		for _, item := range n.Content {
			item = resolve(item)
			if item.Kind != yaml.ScalarNode {
				d.errorf(item, "%s must be a list of texts", what)
				continue
			}
			*into = append(*into, item.Value)
		}
	}
}

func (d *document) choice(into *string, what string, allowed ...string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || !slices.Contains(allowed, n.Value) {
			hint := ""
			if near := nearest(n.Value, allowed); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			d.errorf(n, "%s is %q; write one of: %s%s", what, n.Value, strings.Join(allowed, ", "), hint)
			return
		}
		*into = n.Value
	}
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// suggest words a hint for a name that is not among those allowed: the nearest
// one when it is near, else all of them when they are few.
func suggest(name string, allowed []string) string {
	if near := nearest(name, allowed); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if len(allowed) > 0 && len(allowed) <= 40 {
		return "; known: " + strings.Join(allowed, ", ")
	}
	return ""
}

func nearest(name string, allowed []string) string {
	best, distance := "", len(name)/3+2
	for _, a := range allowed {
		if d := editDistance(name, a); d < distance {
			best, distance = a, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions and substitutions between a and b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			above, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, above+cost)
		}
	}
	return row[len(b)]
}
