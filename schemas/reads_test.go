package schemas_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	readsBlock  = regexp.MustCompile(`(?s)\n\tReads:\s+\[\]stream\.Source(.*?)\n\tWrites:`)
	readsTopic  = regexp.MustCompile(`Topic: (\w+)\.(\w+Topic)`)
	topicString = regexp.MustCompile(`(\w+Topic)\s*=\s*"([^"]+)"`)
)

// A processor that reads what nobody declared, or what does not let it, would be
// deployed and then wait for ever: its rights come from these declarations.
func TestProcessorsReadWhatIsDeclared(t *testing.T) {
	declared := calls(t)
	programs, err := filepath.Glob("../processors/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, program := range programs {
		processor := filepath.Base(filepath.Dir(program))
		for _, topic := range topicsRead(t, program) {
			seen++
			if why := denied(declared, processor, topic); why != "" {
				t.Error(why)
			}
		}
	}
	if seen < 6 {
		t.Errorf("saw %d topics that processors read, and there are more", seen)
	}
	for topic, want := range map[string]string{
		"processed.customer-moods": "declared nowhere",
		"processed.identity-links": "lacks archive in its consumers",
	} {
		if why := denied(declared, "archive", topic); !strings.Contains(why, want) {
			t.Errorf("archive reads %s: %q, want %q", topic, why, want)
		}
	}
}

// topicsRead are the topics that a stream processor names in its Spec.
func topicsRead(t *testing.T, program string) []string {
	t.Helper()
	block := readsBlock.FindStringSubmatch(read(t, program))
	if block == nil {
		return nil // no stream processor
	}
	var topics []string
	for _, name := range readsTopic.FindAllStringSubmatch(block[1], -1) {
		files, err := filepath.Glob(name[1] + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		for _, file := range files {
			for _, constant := range topicString.FindAllStringSubmatch(read(t, file), -1) {
				if constant[1] == name[2] {
					found = constant[2]
				}
			}
		}
		if found == "" {
			t.Errorf("%s reads %s.%s, which no schema has", program, name[1], name[2])
		}
		topics = append(topics, found)
	}
	return topics
}

// denied says why the processor may not read the topic; nothing when it may.
func denied(declared map[string]call, processor, topic string) string {
	domain, name, _ := strings.Cut(topic, ".")
	c, ok := declared[domain+"/"+strings.ReplaceAll(name, "-", "_")]
	switch {
	case !ok:
		return fmt.Sprintf("%s reads %s, which is declared nowhere: declare it in platform.tf", processor, topic)
	case !slices.Contains(c.lists["consumers"], processor):
		return fmt.Sprintf("%s reads %s, whose call in %s lacks %s in its consumers", processor, topic, c.file, processor)
	}
	return ""
}
