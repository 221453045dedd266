package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"headwater.internal/platform/processors/internal/stream/streamtest"
)

// Defends who waits for final sessions: the times that the import's page and help
// name are those of the rule.
func TestTimesThatTheDocumentationNames(t *testing.T) {
	r := newRule(streamtest.Settings(t)).(rule)
	for said, is := range map[string]bool{
		"30 minutes": time.Duration(r.gap) == 30*time.Minute,
		"1 minute":   r.grace == time.Minute,
		"10 seconds": r.settle == 10*time.Second,
		"24 hours":   r.retention == 24*time.Hour,
	} {
		if !is {
			t.Errorf("%q is no longer true: correct docs/import.md, headwater import --help and this test", said)
		}
		for path, passage := range map[string]string{
			"../../docs/import.md":          `(?s)## When sessions are final\n(.*?)\n## `,
			"../../cmd/headwater/import.go": `Sessions of old events are final (.*)`,
		} {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found := regexp.MustCompile(passage).FindSubmatch(text)
			if found == nil || !strings.Contains(strings.Join(strings.Fields(string(found[1])), " "), said) {
				t.Errorf("%s does not name %q", path, said)
			}
		}
	}
}
