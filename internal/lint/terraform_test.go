package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
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
