package lint

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// blocks returns the top-level blocks of one Terraform file.
func blocks(t *testing.T, path string) hclsyntax.Blocks {
	t.Helper()
	file, diags := hclparse.NewParser().ParseHCL([]byte(read(t, path)), path)
	if diags.HasErrors() {
		t.Errorf("%s: %s", path, diags.Error())
		return nil
	}
	return file.Body.(*hclsyntax.Body).Blocks
}

// Only a place knows which cluster it talks to and where its state lives.
func TestProvidersAndBackendsOnlyInEnvironments(t *testing.T) {
	walk(t, ".tf", func(path string) {
		if strings.HasPrefix(path, "environments/") || strings.HasPrefix(path, "provider/examples/") {
			return
		}
		for _, b := range blocks(t, path) {
			if b.Type == "provider" {
				t.Errorf("%s has a provider block: it belongs in environments/<place>", path)
			}
			if b.Type == "terraform" && slices.ContainsFunc(b.Body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == "backend" }) {
				t.Errorf("%s has a backend block: it belongs in environments/<place>/backend.tf", path)
			}
		}
	})
}

// Flat composition: a module that calls modules hides what a plan will do.
func TestModulesCallNoModules(t *testing.T) {
	walk(t, ".tf", func(path string) {
		if !strings.HasPrefix(path, "modules/") || strings.Contains(path, "/examples/") || strings.Contains(path, "/tests/") {
			return
		}
		for _, b := range blocks(t, path) {
			if b.Type == "module" {
				t.Errorf("%s calls module %q: only schemas/ (modules/event) and environments call modules", path, b.Labels[0])
			}
		}
	})
}

func modules(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(root, "modules/*/"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no modules found: %v", err)
	}
	for i, d := range dirs {
		dirs[i] = strings.TrimPrefix(filepath.ToSlash(d), root+"/")
	}
	return dirs
}

// A module is found by its grid of files and read by its variables.
func TestModulesHaveTheGrid(t *testing.T) {
	for _, dir := range modules(t) {
		for _, name := range []string{"README.md", "variables.tf", "outputs.tf", "terraform.tf", "examples/basic/main.tf"} {
			if _, err := os.Stat(filepath.Join(root, dir, name)); err != nil {
				t.Errorf("%s lacks %s", dir, name)
			}
		}
		if tests, _ := filepath.Glob(filepath.Join(root, dir, "tests/*.tftest.hcl")); len(tests) == 0 {
			t.Errorf("%s has no tests/*.tftest.hcl", dir)
		}
	}
}

// A README's example that nobody runs is wrong within a month.
func TestModuleReadmeShowsItsExample(t *testing.T) {
	for _, dir := range modules(t) {
		example := strings.TrimSpace(read(t, dir+"/examples/basic/main.tf"))
		if !strings.Contains(read(t, dir+"/README.md"), example) {
			t.Errorf("%s/README.md does not hold examples/basic/main.tf word for word", dir)
		}
	}
}

// Variables and outputs are the module's page in the manual.
func TestVariablesAndOutputsAreDescribed(t *testing.T) {
	walk(t, ".tf", func(path string) {
		base := filepath.Base(path)
		if (base != "variables.tf" && base != "outputs.tf") || strings.Contains(path, "/examples/") {
			return
		}
		var names []string
		for _, b := range blocks(t, path) {
			if b.Type != "variable" && b.Type != "output" {
				continue
			}
			names = append(names, b.Labels[0])
			if b.Body.Attributes["description"] == nil {
				t.Errorf("%s: %s %q has no description", path, b.Type, b.Labels[0])
			}
			if b.Type == "variable" && b.Body.Attributes["type"] == nil {
				t.Errorf("%s: variable %q has no type", path, b.Labels[0])
			}
		}
		if !slices.IsSorted(names) {
			t.Errorf("%s: %s stand out of order: A to Z", path, strings.Join(names, ", "))
		}
	})
}

// A processor is told the same wherever it runs: what only one place can mean is
// listed here; the rest has one name and one type, and what objects of both have,
// one type and one default.
func TestProcessorsTakeTheSameInputs(t *testing.T) {
	local, cloud := inputs(t, "modules/processor_local"), inputs(t, "modules/processor")
	for name, module := range map[string]struct {
		has, other map[string]input
		alone      []string
	}{
		"modules/processor_local": {local, cloud, []string{"port", "program", "revision", "tasks"}},
		"modules/processor":       {cloud, local, []string{"image", "listener", "platform", "reads", "rights", "size"}},
	} {
		for variable := range module.has {
			if _, both := module.other[variable]; both == slices.Contains(module.alone, variable) {
				t.Errorf("%s: variable %q: list it here if only this module has it, else give it to both", name, variable)
			}
		}
	}
	for variable, here := range local {
		if there, ok := cloud[variable]; ok && !here.within(there) {
			t.Errorf("variable %q is %s on the local platform and %s on AWS, or its defaults differ", variable, here.kind.FriendlyName(), there.kind.FriendlyName())
		}
	}
	if local["autoscale"].within(local["state"]) {
		t.Error("two objects that have nothing in common count as one")
	}
}

// input is a variable's type with the defaults that optional attributes have.
type input struct {
	kind     cty.Type
	defaults *typeexpr.Defaults
}

// within reports whether i is the same as other, or an object of which other has
// every attribute.
func (i input) within(other input) bool {
	if !i.kind.IsObjectType() || !other.kind.IsObjectType() {
		return i.kind.Equals(other.kind)
	}
	for name, kind := range i.kind.AttributeTypes() {
		if !other.kind.HasAttribute(name) || !kind.Equals(other.kind.AttributeType(name)) ||
			i.kind.AttributeOptional(name) != other.kind.AttributeOptional(name) ||
			!i.unless(name).RawEquals(other.unless(name)) {
			return false
		}
	}
	return true
}

// unless is what an optional attribute is unless set.
func (i input) unless(name string) cty.Value {
	if i.defaults == nil {
		return cty.NilVal
	}
	return i.defaults.DefaultValues[name]
}

func inputs(t *testing.T, dir string) map[string]input {
	t.Helper()
	all := map[string]input{}
	for _, b := range blocks(t, dir+"/variables.tf") {
		kind, defaults, diags := typeexpr.TypeConstraintWithDefaults(b.Body.Attributes["type"].Expr)
		if diags.HasErrors() {
			t.Errorf("%s: variable %q: %s", dir, b.Labels[0], diags.Error())
		}
		all[b.Labels[0]] = input{kind, defaults}
	}
	return all
}

// How two places differ must be answered by diff -r, and only by sizes.
func TestPlacesHoldTheSameFiles(t *testing.T) {
	model := "environments/staging"
	for _, place := range []string{"environments/dev", "environments/prod"} {
		if differ := differences(t, model, place); len(differ) > 0 {
			t.Errorf("%s and %s differ in %s: only terraform.tfvars and backend.tf may", model, place, strings.Join(differ, ", "))
		}
	}
	planted := t.TempDir()
	if err := os.CopyFS(planted, os.DirFS(filepath.Join(root, model))); err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(planted, "cluster", "main.tf")
	if err := os.WriteFile(main, []byte(read(t, model+"/cluster/main.tf")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(mustAbs(t, root), planted)
	if err != nil {
		t.Fatal(err)
	}
	if differ := differences(t, model, relative); !slices.Equal(differ, []string{"cluster/main.tf"}) {
		t.Errorf("a line added to one main.tf shows as %q", differ)
	}
}

// differences lists the files that are not the same in both folders, but for what
// makes a place itself, and what is written by a run.
func differences(t *testing.T, a, b string) []string {
	t.Helper()
	var differ []string
	one, other := placeFiles(t, a), placeFiles(t, b)
	for name, text := range one {
		if other[name] != text {
			differ = append(differ, name)
		}
	}
	for name := range other {
		if _, ok := one[name]; !ok {
			differ = append(differ, name)
		}
	}
	slices.Sort(differ)
	return differ
}

func placeFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(filepath.Join(root, dir)), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".terraform":
			return fs.SkipDir
		case d.IsDir() || slices.Contains([]string{"terraform.tfvars", "backend.tf"}, d.Name()) || strings.Contains(d.Name(), ".tfstate"):
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, dir, path))
		files[path] = string(text)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("read %s: %d files, %v", dir, len(files), err)
	}
	return files
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
