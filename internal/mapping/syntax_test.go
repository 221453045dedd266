package mapping

import (
	"testing"

	"github.com/go-json-experiment/json"
)

// Defends whoever typed the JSON: the message says where, in words of ours.
func TestWordSyntax(t *testing.T) {
	for text, want := range map[string]string{
		`{a: 1}`:            `character 2: 'a' cannot stand there (names and texts take double quotes)`,
		"{\"ä\": 1,\n 'b'}": `line 2, character 2: '\'' cannot stand there (names and texts take double quotes)`,
		`{"a": [1, 2`:       `character 12: it ends there, and something is still open`,
		"\"\xff\"":          `character 2: the text is not UTF-8`,
		`{"a":1,"a":2}`:     `character 8: the member "a" stands there a second time`,
		"":                  `there is nothing, or only a part of a value`,
		`{"a":1} x`:         `character 9: 'x' cannot stand there (names and texts take double quotes)`,
	} {
		var value any
		err := json.Unmarshal([]byte(text), &value)
		if err == nil {
			t.Fatalf("%s is JSON", text)
		}
		if got := WordSyntax([]byte(text), err); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}
