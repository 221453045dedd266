package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// The working copy follows the source, and keeps what terraform wrote beside it.
func TestMirrorFollowsTheSource(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	write := func(dir string, names ...string) {
		t.Helper()
		for _, name := range names {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(from, "main.tf", "checkout/order_placed.avsc", "types_test.go", ".terraform.lock.hcl", ".terraform/x")
	write(to, "gone.tf", "old/gone.avsc", "terraform.tfstate", ".terraform/providers/y", ".terraform.lock.hcl")
	if err := mirror(from, to); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(to, path)
			got = append(got, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{".terraform/providers/y", ".terraform.lock.hcl", "checkout/order_placed.avsc", "main.tf", "terraform.tfstate"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("working copy (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(to, "old")); err == nil {
		t.Error("a folder that is gone from the source stays")
	}
}

// A team declared in the catalogue gets a password without being named anywhere else.
func TestTeamsAreReadFromTheCatalogue(t *testing.T) {
	names, err := principals("../..", "../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"checkout", "storefront", "collect", "sessionize"} {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+want+" ") {
			t.Errorf("no %s among %v", want, names)
		}
	}
}

// Quantiles over the buckets of several tasks are those of all samples together.
func TestQuantile(t *testing.T) {
	h := histogram{buckets: map[float64]uint64{.1: 50, .2: 90, .5: 99, math.Inf(1): 100}, samples: 100}
	for _, c := range []struct{ q, want float64 }{{.5, 100}, {.9, 200}, {.95, 366.7}, {.99, 500}, {1, 500}} {
		if got := h.quantile(c.q); math.Abs(got-c.want) > .1 {
			t.Errorf("p%v is %v ms, want %v", c.q*100, got, c.want)
		}
	}
	var none histogram
	if none.quantile(.5) != 0 {
		t.Error("no samples have a quantile")
	}
}

// What terraform tells a program, the user reads: how far it is, what it did, what went wrong and where.
func TestApplyIsRead(t *testing.T) {
	r := applyReader{step: &step{}}
	r.follow(strings.NewReader(`{"type":"version","@message":"Terraform 1.11.4"}
{"type":"planned_change","change":{}}
{"type":"change_summary","changes":{"add":9,"change":9,"remove":9,"operation":"plan"}}
{"type":"apply_complete","hook":{}}
not json
{"type":"diagnostic","diagnostic":{"severity":"error","summary":"Create topic \"x\"","detail":"It exists.\nImport it.","range":{"filename":"main.tf","start":{"line":7}}}}
{"type":"change_summary","changes":{"add":1,"change":2,"remove":3,"operation":"apply"}}
`))
	if r.outcome != (outcome{1, 2, 3}) || r.planned != 1 || r.applied != 1 {
		t.Errorf("read %+v", r)
	}
	want := "Error: Create topic \"x\"\n  on main.tf line 7\n\n  It exists.\n  Import it.\n"
	if diff := cmp.Diff(want, wordDiagnostics(r.errs)); diff != "" {
		t.Errorf("diagnostics (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(outcome{}.summary(), "No changes") {
		t.Error("an apply without changes does not say so")
	}
}

// A slip in --data-dir must not remove what is no platform.
func TestCleanRefusesOtherFolders(t *testing.T) {
	dir := t.TempDir()
	err := run(t.Context(), []string{"clean", "--data-dir", dir})
	if err == nil || !strings.Contains(err.Error(), "holds no platform") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error("the folder is gone")
	}
}

// Defends the reader of a command's help: flags of a start stand where something
// is started, and are taken everywhere, so that a script may give them to all.
func TestStartFlagsAreShownWhereTheyMatter(t *testing.T) {
	parser, err := newParser(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, shown := range map[string]bool{"up": true, "start": true, "tail": false, "status": false, "list": false} {
		found := false
		for _, node := range slices.Concat(parser.Model.Children, leaf(parser.Model.Node, "dead-letters").Children) {
			for _, flag := range node.Flags {
				if node.Name == name && flag.Name == "port-base" {
					found = true
					if flag.Hidden == shown {
						t.Errorf("%s --help: --port-base is hidden: %t", name, flag.Hidden)
					}
				}
			}
		}
		if !found {
			t.Errorf("%s does not take --port-base", name)
		}
	}
}

func leaf(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name {
			return child
		}
	}
	return &kong.Node{}
}

// Every command teaches itself, and what is not up says how to get there.
func TestCommandsWithoutAPlatform(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{{"status"}, {"credentials", "local"}, {"env"}, {"plan"}} {
		err := run(t.Context(), append(args, "--data-dir", dir))
		if err == nil || !strings.Contains(err.Error(), "run headwater up") {
			t.Errorf("%v: %v", args, err)
		}
	}
	if err := run(t.Context(), []string{"down", "--data-dir", dir}); err != nil {
		t.Errorf("down without a platform: %v", err)
	}
}
