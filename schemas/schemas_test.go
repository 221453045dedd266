package schemas_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"headwater.internal/platform/internal/event"
)

// tiers are the folders of the platform's own records; all others are domains.
var tiers = map[string]bool{"processed": true, "aggregates": true, "repartition": true}

// source is one Avro file of the catalogue.
type source struct {
	path   string // checkout/order_placed.avsc
	domain string // checkout
	name   string // order_placed
	text   string
}

func (s source) samples() string { return filepath.Join(s.domain, "testdata", s.name) }

func sources(t *testing.T) []source {
	t.Helper()
	paths, err := filepath.Glob("*/*.avsc")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no schemas found: %v", err)
	}
	var list []source
	for _, path := range paths {
		domain, file := filepath.Split(path)
		list = append(list, source{
			path:   filepath.ToSlash(path),
			domain: filepath.Clean(domain),
			name:   strings.TrimSuffix(file, ".avsc"),
			text:   read(t, path),
		})
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What a team promises its senders: what it shows as accepted is accepted, and
// comes out as it went in.
func TestAcceptedSamples(t *testing.T) {
	for _, s := range sources(t) {
		if tiers[s.domain] {
			continue
		}
		schema, err := event.CompileSchema(1, s.text)
		if err != nil {
			t.Errorf("%s: %v", s.path, err)
			continue
		}
		for _, name := range []string{"minimal.json", "full.json"} {
			sample := filepath.Join(s.samples(), name)
			value, violations := schema.EncodeJSON(nil, jsontext.Value(read(t, sample)))
			if len(violations) > 0 {
				t.Errorf("%s is refused: %v", sample, violations)
				continue
			}
			rendered, err := schema.JSON(value)
			if err != nil {
				t.Errorf("%s does not come back: %v", sample, err)
				continue
			}
			again, violations := schema.EncodeJSON(nil, rendered)
			if diff := cmp.Diff(value, again); diff != "" {
				t.Errorf("%s changes on the way (-first +second, refused for %v):\n%s", sample, violations, diff)
			}
		}
	}
}

// A full sample leaves nothing out, so that every field is tried once.
func TestFullSamplesSetEveryField(t *testing.T) {
	for _, s := range sources(t) {
		if tiers[s.domain] {
			continue
		}
		var sample map[string]any
		if err := json.Unmarshal([]byte(read(t, filepath.Join(s.samples(), "full.json"))), &sample); err != nil {
			t.Errorf("%s: %v", s.path, err)
			continue
		}
		undeclared := len(sample)
		for _, f := range fields(t, s) {
			if _, set := sample[f.Name]; set {
				undeclared--
			} else if !f.Rest {
				t.Errorf("%s: full.json does not set %s", s.path, f.Name)
			}
		}
		for _, f := range fields(t, s) {
			if f.Rest && undeclared == 0 {
				t.Errorf("%s: full.json has no undeclared member for %s to take", s.path, f.Name)
			}
		}
	}
}

// What a team wants refused is refused for the reason it gives.
func TestRefusedSamples(t *testing.T) {
	for _, s := range sources(t) {
		if tiers[s.domain] {
			continue
		}
		samples, err := filepath.Glob(filepath.Join(s.samples(), "refused_*.json"))
		if err != nil || len(samples) == 0 {
			t.Errorf("%s has no %s/refused_*.json: show one mistake that is refused", s.path, s.samples())
		}
		schema, err := event.CompileSchema(1, s.text)
		if err != nil {
			t.Errorf("%s: %v", s.path, err)
			continue
		}
		for _, sample := range samples {
			checkRefused(t, schema, sample)
		}
	}
}

func checkRefused(t *testing.T, schema *event.Schema, sample string) {
	t.Helper()
	var want struct {
		Data    json.RawMessage `json:"data"`
		Pointer string          `json:"pointer"`
		Rule    string          `json:"rule"`
	}
	if err := json.Unmarshal([]byte(read(t, sample)), &want); err != nil {
		t.Errorf("%s: %v", sample, err)
		return
	}
	if want.Data == nil || want.Rule == "" {
		t.Errorf(`%s: write {"data": <the event's data>, "pointer": "/member", "rule": "required"}: what is sent, and where and why it is refused`, sample)
		return
	}
	_, violations := schema.EncodeJSON(nil, jsontext.Value(want.Data))
	if len(violations) != 1 || violations[0].Pointer != want.Pointer || violations[0].Rule != want.Rule {
		t.Errorf("%s: want one violation of %q at %q, got %v", sample, want.Rule, want.Pointer, violations)
	}
}

type field struct {
	Name    string           `json:"name"`
	Doc     string           `json:"doc"`
	Type    json.RawMessage  `json:"type"`
	Default *json.RawMessage `json:"default"`
	Rest    bool             `json:"rest"`
}

func fields(t *testing.T, s source) []field {
	t.Helper()
	var record struct {
		Fields []field `json:"fields"`
	}
	if err := json.Unmarshal([]byte(s.text), &record); err != nil {
		t.Fatalf("%s: %v", s.path, err)
	}
	return record.Fields
}

// A field that can be left out can also be added and dropped later, which the
// default level of compatibility asks for; a field without words is a riddle.
func TestFieldsAreDocumentedAndOptionalOnesHaveDefaults(t *testing.T) {
	for _, s := range sources(t) {
		for _, f := range fields(t, s) {
			if !strings.HasSuffix(f.Doc, ".") {
				t.Errorf("%s: field %s needs a doc, a sentence", s.path, f.Name)
			}
			nullable := strings.HasPrefix(strings.TrimSpace(string(f.Type)), "[")
			// A JSON null decodes into a nil pointer, so the text tells.
			if nullable && !strings.Contains(s.text, `"name": "`+f.Name+`", "type": `+string(f.Type)+`, "default": null`) {
				t.Errorf(`%s: field %s may be null: give it "default": null`, s.path, f.Name)
			}
			if f.Rest && string(f.Type) != `{"type": "map", "values": "string"}` {
				t.Errorf("%s: field %s takes the rest, so it is a map of string", s.path, f.Name)
			}
		}
	}
}

// A type that was not generated anew reads yesterday's records.
func TestGeneratedTypesAreUpToDate(t *testing.T) {
	out := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "run", "generate.go", "-o", out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("run the generator: %v\n%s", err, text)
	}
	generated := goFiles(t, out)
	if diff := cmp.Diff(generated, goFiles(t, ".")); diff != "" {
		t.Errorf("run make generate (-generated +committed):\n%s", diff)
	}
}

// goFiles reads the Go files one folder below dir.
func goFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, path := range paths {
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.ToSlash(rel)] = read(t, path)
	}
	return files
}
