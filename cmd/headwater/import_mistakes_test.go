package main

import (
	"strings"
	"testing"

	"headwater.internal/platform/internal/event"
)

// Defends a newcomer's first try: what is wrong is said at once, with the
// mapping's lines, before anything is sent and without a table of zeros.
func TestImportChecksTheHeader(t *testing.T) {
	collector := startCollector(t, &fakeCollector{})
	wrong := write(t, "m.yaml", strings.ReplaceAll(testMapping, "customer: who", "customer: whoo")+"sorce: x\n")
	out, err := cli(t, "import", "--no-wait", "--mapping", wrong, write(t, "rows.csv", rows(10)))
	if err == nil || out != "" || collector.taken() != 0 {
		t.Fatalf("%v, %d requests, printed %q", err, collector.taken(), out)
	}
	for _, part := range []string{
		`m.yaml:5: customer reads the field "whoo", which the file has not; did you mean "who"?`,
		`m.yaml:8: the mapping has no key "sorce"; did you mean "source"?`,
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no %s in\n%v", part, err)
		}
	}
}

// Defends against a long import of which no event can be taken: it ends with the
// first answer and a single error.
func TestImportOfAnUndeclaredType(t *testing.T) {
	collector := startCollector(t, &fakeCollector{check: func(received) []event.Violation {
		return []event.Violation{{Pointer: "/type", Rule: "unknown type", Message: `got "shop.item_seen", did you mean "shop.item_sent"?`}}
	}})
	out, err := cli(t, "import", "--no-wait", "--senders", "2", "--batch", "10", "--mapping", write(t, "m.yaml", testMapping), write(t, "rows.csv", rows(5000)))
	if err == nil || out != "" || !strings.Contains(err.Error(), `shop.item_seen, which the mapping makes of every line, so nothing was imported: got "shop.item_seen", did you mean`) {
		t.Errorf("%v\n%s", err, out)
	}
	if collector.taken() > 20 {
		t.Errorf("%d requests were sent", collector.taken())
	}
}

// Defends whoever reads or compares the table: no line ends in blanks.
func TestImportTableHasNoTrailingBlanks(t *testing.T) {
	startCollector(t, &fakeCollector{})
	table := mustCLI(t, "import", "--no-wait", "--mapping", write(t, "m.yaml", testMapping), write(t, "rows.csv", rows(3)))
	for line := range strings.Lines(table) {
		if text := strings.TrimSuffix(line, "\n"); strings.TrimRight(text, " ") != text {
			t.Errorf("%q", line)
		}
	}
}

// Defends against raw network errors: of a platform that is down, every command
// says so.
func TestCommandsOnAPlatformThatIsDown(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"platform.json": `{"port_base": 20090, "pid": 1, "bootstrap_servers": ["127.0.0.1:1"], "registry_url": "http://127.0.0.1:1", "collector_url": "http://127.0.0.1:1"}`,
		"secrets.json":  `{"admin": "a", "supervisor_token": "b", "principals": {}, "write_keys": {"local": "k"}}`,
	} {
		writeInto(t, dir, name, text)
	}
	file, m := write(t, "rows.csv", rows(3)), write(t, "m.yaml", testMapping)
	for _, args := range [][]string{
		{"tail", "x"},
		{"dead-letters", "list"},
		{"dead-letters", "show", "0/0"},
		{"send", "a.b", "--customer", "c"},
		{"import", "--mapping", m, file},
	} {
		_, err := cli(t, append(args, "--data-dir", dir)...)
		if err == nil || !strings.Contains(err.Error(), "the platform is down: run headwater up") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// Defends whoever types JSON on a command line against a library's words.
func TestSendWordsBadJSON(t *testing.T) {
	_, err := cli(t, "send", "a.b", "--customer", "c", "--data", "{a: 1}")
	if err == nil || !strings.Contains(err.Error(), "the data is no JSON: character 2: 'a' cannot stand there") {
		t.Error(err)
	}
}
