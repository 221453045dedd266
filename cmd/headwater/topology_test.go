package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Defends the whole picture: programs that describe themselves are put in the
// order in which events pass them, and one that runs on when asked is left out.
func TestTopologyOfPrograms(t *testing.T) {
	dir := t.TempDir()
	program := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	program("a-last", `echo '{"name":"last","sources":[{"topic":"middle"}],"sinks":[{"topic":"end"}],"state":{"topic":"state.last","version":3}}'`)
	program("b-first", `[ "$1" = --describe ] && echo '{"name":"first","sources":[{"topic":"^raw-","pattern":true}],"sinks":[{"topic":"middle"}]}'`)
	program("c-other", "exit 1")
	out := mustCLI(t, "topology", "--programs", dir)
	if first, last := strings.Index(out, "first "), strings.Index(out, "\nlast "); first != 0 || last < first || !strings.Contains(out, "state.last, format 3") {
		t.Errorf("it shows\n%s", out)
	}
	if out := mustCLI(t, "topology", "last", "--programs", dir, "--json"); strings.Contains(out, `"name": "first"`) || !strings.Contains(out, `"version": 3`) {
		t.Errorf("only last was asked for:\n%s", out)
	}
	file := filepath.Join(dir, "t.svg")
	mustCLI(t, "topology", "--programs", dir, "--format", "svg", "-o", file)
	if text, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), "<svg") {
		t.Errorf("the picture is %.40q, %v", text, err)
	}
	if _, err := cli(t, "topology", "nobody", "--programs", dir); err == nil || !strings.Contains(err.Error(), "no processor nobody") {
		t.Errorf("a name that nobody has: %v", err)
	}
}
