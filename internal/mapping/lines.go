package mapping

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// MaxRecordBytes is the longest record that is read: the collector takes no
// larger event, and a file without line ends must not fill the memory.
const MaxRecordBytes = 1 << 20

// line is one physical line without its end (LF or CR LF).
type line struct {
	number  int // from 1
	text    []byte
	tooLong bool // text holds the beginning only
}

// lines reads physical lines with bounded memory. Lines that were read ahead
// can be given back.
type lines struct {
	r      *bufio.Reader
	number int
	back   []line
}

// newLines decodes r (named like a WHATWG encoding label; "" is UTF-8) and drops
// a byte order mark, which outranks the label. UTF-8 passes undecoded: bad bytes
// are to be refused line by line, not replaced.
func newLines(r io.Reader, charset string) (*lines, error) {
	decoder := encoding.Nop.NewDecoder()
	if charset != "" {
		e, err := lookUpEncoding(charset)
		if err != nil {
			return nil, err
		}
		decoder = e.NewDecoder()
	}
	raw := bufio.NewReaderSize(r, 1<<16)
	if mark, _ := raw.Peek(len(utf8Mark)); string(mark) == utf8Mark {
		_, err := raw.Discard(len(utf8Mark))
		return &lines{r: raw}, err
	}
	text := transform.NewReader(raw, unicode.BOMOverride(decoder.Transformer))
	return &lines{r: bufio.NewReaderSize(text, 1<<16)}, nil
}

const utf8Mark = "\ufeff"

func lookUpEncoding(label string) (encoding.Encoding, error) {
	e, err := htmlindex.Get(label)
	if err != nil {
		return nil, fmt.Errorf("encoding %q is unknown: write utf-8, latin1, windows-1252, utf-16le or another WHATWG label", label)
	}
	if name, _ := htmlindex.Name(e); name == "utf-8" {
		return encoding.Nop, nil
	}
	return e, nil
}

// next returns the next line, or io.EOF after the last.
func (l *lines) next() (line, error) {
	if n := len(l.back); n > 0 {
		got := l.back[0]
		l.back = l.back[1:]
		return got, nil
	}
	var text []byte
	tooLong := false
	for {
		part, err := l.r.ReadSlice('\n')
		if room := MaxRecordBytes + 2 - len(text); len(part) > room {
			part, tooLong = part[:room], true
		}
		text = append(text, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (len(text) == 0 || !errors.Is(err, io.EOF)) {
			return line{}, err
		}
		break
	}
	l.number++
	text = bytes.TrimSuffix(text, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	if len(text) > MaxRecordBytes {
		text, tooLong = text[:MaxRecordBytes], true
	}
	return line{number: l.number, text: text, tooLong: tooLong}, nil
}

// giveBack makes next return the lines again, in their order.
func (l *lines) giveBack(ahead []line) { l.back = append(ahead, l.back...) }
