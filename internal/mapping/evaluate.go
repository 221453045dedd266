package mapping

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// evaluate makes the value from one record. It returns nil when the value is
// empty and neither a default nor required stands in the mapping. The error is a
// [refusal].
func (v *value) evaluate(r fields, emptyWords []string) (jsontext.Value, error) {
	if v.constant != nil {
		return v.constant, nil
	}
	c, ok := v.read(r, emptyWords)
	if !ok {
		return v.absent()
	}
	if v.extract != nil {
		m := v.extract.FindStringSubmatch(c.text)
		if m == nil {
			return nil, refuse(v.path+": the value does not match extract", "%q", c.text)
		}
		if c = (cell{text: m[1]}); v.isEmpty(c.text, emptyWords) {
			return v.absent()
		}
	}
	c = v.restyle(c)
	if v.translate != nil {
		to, known := v.translate[c.text]
		switch {
		case known:
			return to, nil
		case v.unmatched == "omit":
			return v.absent()
		case v.unmatched == "refuse":
			return nil, refuse(v.path+": the value is not in map", "%q", c.text)
		}
	}
	return v.convertAll(c)
}

// read takes the first field that is not empty, or fills the template.
func (v *value) read(r fields, emptyWords []string) (cell, bool) {
	for _, name := range v.fields {
		if c, ok := r.lookup(name); ok && !v.isEmpty(c.text, emptyWords) {
			return c, true
		}
	}
	if v.template == nil {
		return cell{}, false
	}
	var text strings.Builder
	for _, s := range v.template {
		if s.name == "" {
			text.WriteString(s.text)
			continue
		}
		c, ok := r.lookup(s.name)
		if !ok || v.isEmpty(c.text, emptyWords) {
			return cell{}, false // half a template would be another value
		}
		text.WriteString(c.text)
	}
	return cell{text: text.String()}, true
}

func (v *value) isEmpty(text string, emptyWords []string) bool {
	if v.trim {
		text = strings.TrimSpace(text)
	}
	return text == "" || slices.Contains(emptyWords, text) || slices.Contains(v.empty, text)
}

func (v *value) restyle(c cell) cell {
	if !v.trim && v.letters == "" && v.prefix == "" {
		return c
	}
	text := c.text
	if v.trim {
		text = strings.TrimSpace(text)
	}
	switch v.letters {
	case "lower":
		text = strings.ToLower(text)
	case "upper":
		text = strings.ToUpper(text)
	}
	return cell{text: v.prefix + text}
}

func (v *value) absent() (jsontext.Value, error) {
	switch {
	case v.fallback != nil:
		return v.fallback, nil
	case v.required:
		return nil, refuse(v.path+": required, but empty", "%s", v.source())
	}
	return nil, nil
}

// source words where the value comes from.
func (v *value) source() string {
	if names := v.names(); len(names) > 1 {
		return "fields " + strings.Join(names, ", ")
	} else if len(names) == 1 {
		return "field " + names[0]
	}
	return "constant"
}

// convertAll splits a list when the mapping says so and converts every item.
func (v *value) convertAll(c cell) (jsontext.Value, error) {
	if v.split == "" {
		return v.convert(c)
	}
	out := []byte{'['}
	for item := range strings.SplitSeq(c.text, v.split) {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		converted, err := v.convert(cell{text: item})
		if err != nil {
			return nil, err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, converted...)
	}
	return append(out, ']'), nil
}

func (v *value) convert(c cell) (jsontext.Value, error) {
	switch v.kind {
	case "":
		if c.json != nil {
			return c.json, nil
		}
		return quote(v.path, c.text)
	case "string":
		return quote(v.path, c.text)
	case "int", "number":
		return v.arithmetic.convert(v.path, v.kind, c.text)
	case "bool":
		return parseBool(v.path, c.text)
	case "time":
		t, err := v.clock.parse(v.path, c.text)
		if err != nil {
			return nil, err
		}
		return quote(v.path, formatTime(t))
	default:
		value := jsontext.Value(bytes.Clone([]byte(c.text)))
		if err := value.Compact(); err != nil {
			return nil, refuse(v.path+": the value is no JSON", "%q: %s", c.text, WordSyntax([]byte(c.text), err))
		}
		return value, nil
	}
}

func quote(path, text string) (jsontext.Value, error) {
	out, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return nil, refuse(path+": the value is not UTF-8 (say what it is with format.encoding)", "%q", text)
	}
	return out, nil
}

func parseBool(path, text string) (jsontext.Value, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "t", "1", "yes", "y", "on":
		return jsontext.Value("true"), nil
	case "false", "f", "0", "no", "n", "off":
		return jsontext.Value("false"), nil
	}
	return nil, refuse(path+": the value is neither true nor false", "%q", text)
}
