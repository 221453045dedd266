package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// WordSyntax says in people's words where text is no JSON, and why. err is what
// the JSON library said of it.
func WordSyntax(text []byte, err error) string {
	var syntactic *jsontext.SyntacticError
	if !errors.As(err, &syntactic) || len(bytes.TrimSpace(text)) == 0 {
		return "there is nothing, or only a part of a value"
	}
	at := int(min(max(syntactic.ByteOffset, 0), int64(len(text))))
	before, rest := text[:at], text[at:]
	where := fmt.Sprintf("character %d", 1+utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]))
	if bytes.ContainsRune(text, '\n') {
		where = fmt.Sprintf("line %d, %s", 1+bytes.Count(before, []byte("\n")), where)
	}
	r, _ := utf8.DecodeRune(rest)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Sprintf("%s: the member %q stands there a second time", where, syntactic.JSONPointer.LastToken())
	case errors.Is(err, io.ErrUnexpectedEOF), len(rest) == 0:
		return where + ": it ends there, and something is still open"
	case r == utf8.RuneError:
		return where + ": the text is not UTF-8"
	}
	return fmt.Sprintf("%s: %q cannot stand there (names and texts take double quotes)", where, r)
}
