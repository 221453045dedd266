package mapping

import (
	"bytes"
	"errors"
	"io"
)

// csvSyntax is how one file writes its values.
type csvSyntax struct {
	delimiter string
	quote     byte // 0: quotes are text
	backslash bool // inside quotes a backslash takes the next character as it is
	trim      bool // blanks around a value do not belong to it
}

var errTextAfterQuote = errors.New("text stands between a closing quote and the next delimiter")

// csvRecord parses one record line by line: a quoted value may hold line ends.
type csvRecord struct {
	csvSyntax
	values []string
	value  []byte
	inside bool // the line ended between two quotes
}

// add parses one more line of the record. When r.inside is true afterwards, the
// record goes on in the next line. Quotes inside an unquoted value are text, as
// spreadsheets and Python read them.
func (r *csvRecord) add(text []byte) error {
	if r.inside {
		r.value = append(r.value, '\n')
	}
	for {
		var done bool
		if !r.inside {
			if text, done = r.unquoted(text); done {
				return nil
			}
		}
		if r.inside {
			var err error
			if text, done, err = r.quoted(text); done || err != nil {
				return err
			}
		}
	}
}

// unquoted takes one value that begins at text, unless it begins with a quote.
func (r *csvRecord) unquoted(text []byte) (rest []byte, done bool) {
	start := text
	if r.trim {
		start = bytes.TrimLeft(text, " \t")
	}
	if r.quote != 0 && len(start) > 0 && start[0] == r.quote {
		r.inside, r.value = true, r.value[:0]
		return start[1:], false
	}
	end := bytes.Index(text, []byte(r.delimiter))
	if end < 0 {
		r.push(text)
		return nil, true
	}
	r.push(text[:end])
	return text[end+len(r.delimiter):], false
}

func (r *csvRecord) push(value []byte) {
	if r.trim {
		value = bytes.Trim(value, " \t")
	}
	r.values = append(r.values, string(value))
}

// quoted takes the text up to the closing quote and the delimiter behind it.
func (r *csvRecord) quoted(text []byte) (rest []byte, done bool, err error) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && r.backslash && i+1 < len(text):
			i++
			r.value = append(r.value, text[i])
		case c != r.quote:
			r.value = append(r.value, c)
		case !r.backslash && i+1 < len(text) && text[i+1] == r.quote:
			i++
			r.value = append(r.value, c)
		default:
			return r.close(text[i+1:])
		}
	}
	return nil, true, nil
}

func (r *csvRecord) close(text []byte) (rest []byte, done bool, err error) {
	if r.trim {
		text = bytes.TrimLeft(text, " \t")
	}
	r.inside = false
	r.values = append(r.values, string(r.value))
	switch {
	case len(text) == 0:
		return nil, true, nil
	case bytes.HasPrefix(text, []byte(r.delimiter)):
		return text[len(r.delimiter):], false, nil
	}
	return nil, true, errTextAfterQuote
}

// readCSV reads the rest of the record that begins with first. A record that is
// wrong or never ends costs its first line only: the lines after it are given
// back, since a stray quote must not swallow the file.
func (s csvSyntax) readCSV(first line, from *lines, acceptUnclosed bool) (values []string, raw []byte, more int, err error) {
	record := csvRecord{csvSyntax: s}
	if err = record.add(first.text); err == nil && !record.inside {
		return record.values, first.text, 0, nil
	}
	var ahead []line
	raw = bytes.Clone(first.text)
	for err == nil && record.inside {
		next, readErr := from.next()
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			return nil, nil, 0, readError{readErr}
		}
		ahead = append(ahead, next)
		if len(raw)+len(next.text) >= MaxRecordBytes || next.tooLong {
			break
		}
		raw = append(append(raw, '\n'), next.text...)
		err = record.add(next.text)
	}
	if err == nil && !record.inside {
		return record.values, raw, len(ahead), nil
	}
	from.giveBack(ahead)
	if err == nil && acceptUnclosed {
		return s.closeAtLineEnd(first.text), first.text, 0, nil
	}
	if err == nil {
		err = errors.New("a quote is never closed")
	}
	return nil, first.text, 0, err
}

// closeAtLineEnd reads a line whose last value lost its closing quote.
func (s csvSyntax) closeAtLineEnd(text []byte) []string {
	record := csvRecord{csvSyntax: s}
	if err := record.add(text); err == nil && record.inside {
		record.values = append(record.values, string(record.value))
	}
	return record.values
}

// readError marks an error of the file itself, which ends the reading.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }
