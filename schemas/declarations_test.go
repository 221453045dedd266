package schemas_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// call is one module call of the catalogue.
type call struct {
	file  string            // checkout.tf
	label string            // order_placed
	words map[string]string // arguments that are plain strings
	lists map[string][]string
	text  string // its source
}

func calls(t *testing.T) map[string]call {
	t.Helper()
	paths, err := filepath.Glob("*.tf")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no declarations found: %v", err)
	}
	all := map[string]call{}
	for _, path := range paths {
		text := read(t, path)
		parsed, diags := hclparse.NewParser().ParseHCL([]byte(text), path)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, b := range parsed.Body.(*hclsyntax.Body).Blocks {
			if b.Type == "module" {
				c := readCall(path, text, b)
				all[c.words["domain"]+"/"+c.words["name"]] = c
			}
		}
	}
	return all
}

func readCall(path, text string, b *hclsyntax.Block) call {
	c := call{file: path, label: b.Labels[0], words: map[string]string{}, lists: map[string][]string{}}
	c.text = text[b.Range().Start.Byte:b.Body.Range().End.Byte]
	for name, attribute := range b.Body.Attributes {
		value, diags := attribute.Expr.Value(&hcl.EvalContext{})
		switch {
		case diags.HasErrors(): // refers to something: not plain
		case value.Type().FriendlyName() == "string":
			c.words[name] = value.AsString()
		case value.CanIterateElements():
			for _, item := range value.AsValueSlice() {
				c.lists[name] = append(c.lists[name], item.AsString())
			}
		}
	}
	return c
}

// An event is its declaration, its schema and its samples: one without the
// others is a mistake in the pull request.
func TestDeclarationsAndFilesBelongTogether(t *testing.T) {
	declared := calls(t)
	for _, s := range sources(t) {
		c, ok := declared[s.domain+"/"+s.name]
		delete(declared, s.domain+"/"+s.name)
		if !ok {
			t.Errorf("%s is not declared: add module %q to %s.tf", s.path, s.name, s.domain)
			continue
		}
		want := s.domain + ".tf"
		if tiers[s.domain] {
			want = "platform.tf"
		}
		if c.file != want || c.label != s.name {
			t.Errorf("%s is declared as module %q in %s: it belongs in %s as module %q", s.path, c.label, c.file, want, s.name)
		}
		if !strings.Contains(c.text, `file("${path.module}/`+s.path+`")`) {
			t.Errorf("%s: module %q does not read %s", c.file, c.label, s.path)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(declared)) {
		t.Errorf("%s: module %q has no schema %s.avsc", declared[key].file, declared[key].label, key)
	}
	folders, err := filepath.Glob("*/testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		key := filepath.ToSlash(filepath.Join(filepath.Dir(filepath.Dir(folder)), filepath.Base(folder)))
		if !slices.ContainsFunc(sources(t), func(s source) bool { return s.domain+"/"+s.name == key }) {
			t.Errorf("%s holds samples of no event", folder)
		}
	}
}

// Who knows the name of a fact can type its path, its topic and its Go type.
func TestOneSpellingFromEndToEnd(t *testing.T) {
	for _, s := range sources(t) {
		if tiers[s.domain] {
			continue
		}
		var record strings.Builder
		for word := range strings.SplitSeq(s.name, "_") {
			record.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
		topic := "raw." + s.domain + "." + strings.ReplaceAll(s.name, "_", "-")
		generated := strings.TrimSuffix(s.path, ".avsc") + ".go"
		text := strings.Join(strings.Fields(read(t, generated)), " ")
		for _, want := range []string{
			"package " + s.domain,
			"type " + record.String() + " struct",
			record.String() + `Type = "` + s.domain + "." + s.name + `"`,
			record.String() + `Topic = "` + topic + `"`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %s", generated, want)
			}
		}
	}
}

// The catalogue is many teams' work: if one owned it all, nothing would be
// self-service about it.
func TestDomainsBelongToDifferentTeamsWithReadersOfTheirOwn(t *testing.T) {
	owners := map[string]map[string]bool{}
	for key, c := range calls(t) {
		domain, _, _ := strings.Cut(key, "/")
		if tiers[domain] {
			continue
		}
		if owners[domain] == nil {
			owners[domain] = map[string]bool{}
		}
		owners[domain][c.words["owner"]] = true
		if !slices.Contains(c.lists["consumers"], "refine") || len(c.lists["producers"]) == 0 {
			t.Errorf("%s: module %q must say who writes it, and that refine reads it", c.file, c.label)
		}
		if !slices.IsSorted(c.lists["consumers"]) || !slices.IsSorted(c.lists["producers"]) {
			t.Errorf("%s: module %q: producers and consumers stand A to Z", c.file, c.label)
		}
	}
	for domain, of := range owners {
		if len(of) != 1 {
			t.Errorf("%s has the owners %v: a domain belongs to one team", domain, slices.Sorted(maps.Keys(of)))
		}
	}
	if len(owners) < 4 {
		t.Errorf("%d domains, want at least 4", len(owners))
	}
}

// What a place on AWS knows of a processor's inputs comes from the list of streams:
// a topic that is not on it cannot be read there.
func TestStreamsOfThePlatformAreListed(t *testing.T) {
	_, list, found := strings.Cut(read(t, "platform.tf"), "_streams = merge(")
	list, _, closed := strings.Cut(list, "event.type =>")
	if !found || !closed {
		t.Fatal("platform.tf has no list of streams")
	}
	for name, c := range calls(t) {
		if listed := strings.Contains(list, "module."+c.label+","); listed != (c.file == "platform.tf") {
			t.Errorf("%s of %s: listed among _streams in platform.tf: %t", name, c.file, listed)
		}
	}
}

// A call of the Segment API leads to one event, or the answer would depend on
// the order of declarations.
func TestSegmentCallsLeadToOneEvent(t *testing.T) {
	taken := map[string]string{}
	for key, c := range calls(t) {
		segment := c.words["segment_call"]
		if segment == "" {
			continue
		}
		if other, twice := taken[segment]; twice {
			t.Errorf("segment_call %q stands at %s and at %s", segment, other, key)
		}
		taken[segment] = key
	}
	for _, segment := range []string{"alias", "group", "identify", "page", "screen"} {
		if taken[segment] == "" {
			t.Errorf("no event takes the Segment call %q", segment)
		}
	}
}
