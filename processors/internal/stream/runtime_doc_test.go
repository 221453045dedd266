package stream_test

import (
	"os"
	"strings"
	"testing"
)

// Defends docs/runtime.md against the code: the processor it shows is the one
// that is compiled and tested here, and its script is the one that runs.
func TestRuntimePageShowsTheExample(t *testing.T) {
	page := readText(t, "../../../docs/runtime.md")
	if !strings.Contains(page, "\n```go\n"+readText(t, "example_test.go")+"```\n") {
		t.Error("the page's Go block is not example_test.go, word for word")
	}
	_, script, _ := strings.Cut(page, "`testdata/roll.txt` begins so")
	_, script, _ = strings.Cut(script, "```\n")
	script, _, _ = strings.Cut(script, "```\n")
	if script == "" || !strings.HasPrefix(readText(t, "testdata/roll.txt"), script) {
		t.Errorf("testdata/roll.txt does not begin with the page's\n%s", script)
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
