package schema

import (
	"errors"
	"fmt"
	"strings"
)

// normalProtobuf splits a .proto text into tokens and joins them with single
// blanks, comments gone. It is a lexer, not a parser: it finds an unclosed
// string, comment or brace and a file that declares nothing, and leaves the
// rest of the grammar to the compiler that the team runs.
func normalProtobuf(text string) (string, error) {
	tokens, err := protobufTokens(text)
	if err != nil {
		return "", err
	}
	depth, declares := 0, false
	for i, t := range tokens {
		switch t {
		case "{":
			depth++
		case "}":
			depth--
		case "message", "enum", "service", "extend":
			declares = declares || depth == 0 && i+2 < len(tokens) && tokens[i+2] == "{"
		}
		if depth < 0 {
			return "", errors.New("a } closes nothing")
		}
	}
	switch {
	case depth > 0:
		return "", fmt.Errorf("%d unclosed {", depth)
	case !declares:
		return "", errors.New("no message, enum, service or extend is declared")
	}
	return strings.Join(tokens, " "), nil
}

func protobufTokens(text string) ([]string, error) {
	var tokens []string
	for rest := strings.TrimLeft(text, protobufBlank); rest != ""; rest = strings.TrimLeft(rest, protobufBlank) {
		var token string
		var err error
		switch {
		case strings.HasPrefix(rest, "//"):
			_, rest, _ = strings.Cut(rest, "\n")
			continue
		case strings.HasPrefix(rest, "/*"):
			_, after, closed := strings.Cut(rest[2:], "*/")
			if !closed {
				return nil, errors.New("a comment is not closed")
			}
			rest = after
			continue
		case rest[0] == '"' || rest[0] == '\'':
			token, err = quoted(rest)
		default:
			token = protobufWord(rest)
		}
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
		rest = rest[len(token):]
	}
	return tokens, nil
}

const (
	protobufBlank  = " \t\r\n\f\v"
	protobufSymbol = "{}[]()<>;=,:"
)

// protobufWord is the run up to the next blank, symbol, quote or comment.
func protobufWord(rest string) string {
	if strings.ContainsRune(protobufSymbol, rune(rest[0])) {
		return rest[:1]
	}
	for i := 1; i < len(rest); i++ {
		if strings.IndexByte(protobufBlank+protobufSymbol+`"'`, rest[i]) >= 0 || strings.HasPrefix(rest[i:], "//") || strings.HasPrefix(rest[i:], "/*") {
			return rest[:i]
		}
	}
	return rest
}

func quoted(rest string) (string, error) {
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '\n':
			return "", errors.New("a string is not closed on its line")
		case rest[0]:
			return rest[:i+1], nil
		}
	}
	return "", errors.New("a string is not closed")
}
