// Package lint holds the house rules that no linter knows, as tests. A rule that
// fails says which file breaks it and how to mend it.
package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "headwater.internal/platform/"

// root is the top of the repository, seen from this package's folder.
const root = "../.."

// skipped folders hold output or another tool's files, never ours.
var skipped = []string{".git", "build", ".terraform", "node_modules"}

// walk calls visit with the slash path, relative to the root, of every file of
// the repository whose name ends in suffix.
func walk(t *testing.T, suffix string, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skipped, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, suffix):
			return nil
		}
		rel, err := filepath.Rel(root, path)
		visit(filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func isGenerated(text string) bool {
	return strings.Contains(text, "\n// Code generated ") || strings.HasPrefix(text, "// Code generated ")
}

// goFile is one hand-written Go file of the repository, parsed.
type goFile struct {
	path string
	text string
	ast  *ast.File
	fset *token.FileSet
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	walk(t, ".go", func(path string) {
		text := read(t, path)
		if isGenerated(text) {
			return
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		files = append(files, goFile{path: path, text: text, ast: parsed, fset: fset})
	})
	return files
}

// A file a reader can hold in mind keeps a package walkable.
func TestFilesAreShort(t *testing.T) {
	for _, f := range goFiles(t) {
		limit := 400
		if strings.HasSuffix(f.path, "_test.go") {
			limit = 600
		}
		if n := strings.Count(f.text, "\n"); n > limit {
			t.Errorf("%s has %d lines, over %d: split it by the nouns it defines", f.path, n, limit)
		}
	}
}

// A long function is fine as a documented state machine; a long median is not.
func TestMedianFunctionIsShort(t *testing.T) {
	var lengths []int
	for _, f := range goFiles(t) {
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && !strings.HasSuffix(f.path, "_test.go") {
				lengths = append(lengths, f.fset.Position(fn.End()).Line-f.fset.Position(fn.Pos()).Line+1)
			}
		}
	}
	slices.Sort(lengths)
	if median := lengths[len(lengths)/2]; median > 12 {
		t.Errorf("the median function has %d lines, over 12", median)
	}
}

// A package named after its role in life says nothing about what is in it.
func TestNoCatchAllPackages(t *testing.T) {
	banned := []string{"util", "utils", "common", "helpers", "helper", "pkg", "misc", "shared", "base", "types"}
	for _, f := range goFiles(t) {
		if slices.Contains(banned, f.ast.Name.Name) {
			t.Errorf("%s is in package %s: name the package after the noun it defines", f.path, f.ast.Name.Name)
		}
	}
}

// mayImport is DESIGN's "who may import whom": the folders on the left may import
// of this module only what stands on the right, and themselves.
var mayImport = []struct {
	folder  string
	imports []string
}{
	{"provider/", []string{"internal/kafka", "internal/cluster", "internal/inventory", "internal/schema", "internal/supervisor"}},
	{"processors/internal/stream/streamtest/", []string{"processors/internal", "internal/event", "schemas"}},
	{"processors/internal/", []string{"internal/kafka", "internal/event", "internal/schema", "internal/capacity", "internal/supervisor", "internal/topology"}},
	{"processors/collect/", []string{"internal/kafka", "internal/event", "internal/schema", "internal/capacity", "internal/supervisor", "internal/topology", "processors/internal"}},
	{"processors/capacity/", []string{"internal/kafka", "internal/capacity", "internal/supervisor", "internal/topology", "processors/internal"}},
	{"processors/archive/", []string{"internal/archive", "internal/kafka", "internal/event", "internal/supervisor", "internal/topology", "processors/internal", "schemas"}},
	{"processors/", []string{"processors/internal", "internal/event", "internal/schema", "schemas"}},
	{"cmd/headwater/", []string{"internal", "schemas"}},
	{"cmd/images/", nil},
	{"cmd/policy/", []string{"policies"}},
	{"policies/", []string{"internal/review"}},
	{"internal/", []string{"internal", "schemas"}},
	{"schemas/", []string{"internal/event", "internal/schema", "schemas"}},
}

// An arrow that is not on the plan of the house is a decision nobody took.
func TestImportsFollowThePlan(t *testing.T) {
	for _, f := range goFiles(t) {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		for _, rule := range mayImport {
			if strings.HasPrefix(f.path, rule.folder) {
				checkImports(t, f, rule.folder, rule.imports)
				break
			}
		}
	}
}

func checkImports(t *testing.T, f goFile, folder string, allowed []string) {
	t.Helper()
	for _, spec := range f.ast.Imports {
		path, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
		if !ours || strings.HasPrefix(path+"/", folder) {
			continue
		}
		within := func(prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }
		if !slices.ContainsFunc(allowed, within) {
			t.Errorf("%s imports %s, but %s may import only %s", f.path, path, folder, strings.Join(allowed, ", "))
		}
	}
}

// A rule that reads the clock gives another answer on replay.
func TestRulesReadNoClock(t *testing.T) {
	for _, f := range goFiles(t) {
		dir := filepath.Base(filepath.Dir(f.path))
		if !slices.Contains([]string{"refine", "sessionize", "aggregate"}, dir) || strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Tick"}, sel.Sel.Name) {
					t.Errorf("%s: time.%s in a rule: take the time from the input or the clock that the runtime hands over",
						f.fset.Position(sel.Pos()), sel.Sel.Name)
				}
			}
			return true
		})
	}
}
