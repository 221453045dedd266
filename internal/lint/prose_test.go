package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// quotedPath matches a path in backticks: it has a slash, and none of the signs
// of a pattern, a placeholder, an address or an HTTP route.
var quotedPath = regexp.MustCompile("`([A-Za-z0-9_.-]+/[A-Za-z0-9_./-]*)`")

// The architecture page is a map: a road on it that is not there costs a newcomer an hour.
func TestArchitecturePathsExist(t *testing.T) {
	text := read(t, "ARCHITECTURE.md")
	for _, m := range quotedPath.FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(m[1], "build/") {
			continue // made by make
		}
		if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
			t.Errorf("ARCHITECTURE.md names %s, which does not exist", m[1])
		}
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != "build" && !strings.Contains(text, "`"+e.Name()+"/") {
			t.Errorf("ARCHITECTURE.md does not name the folder %s/", e.Name())
		}
	}
}

// A path of one machine or the address of a registry breaks the build on the next.
func TestNoMachinePathsOrRegistryHosts(t *testing.T) {
	hosts := []string{"proxy.golang" + ".org", "registry.npmjs" + ".org", "pypi" + ".org", "crates" + ".io", "repo1" + ".maven.org", "deb.debian" + ".org"}
	pattern := `(^|[^A-Za-z0-9_.-])/(work|farm|root)/|/opt/` + `tf-|` + strings.ReplaceAll(strings.Join(hosts, "|"), ".", `\.`)
	cmd := exec.CommandContext(t.Context(), "git", "grep", "-nIE", pattern, "--", ".", ":!go.sum")
	cmd.Dir = root
	out, err := cmd.Output()
	if err == nil {
		t.Errorf("name packages and relative paths instead:\n%s", out)
	}
}

// What is not finished is not in the tree: it is an issue, or it is nothing.
func TestNoOpenEnds(t *testing.T) {
	marks := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|HA` + `CK)\b`)
	for _, f := range goFiles(t) {
		for _, group := range f.ast.Comments {
			if marks.MatchString(group.Text()) {
				t.Errorf("%s: an open end in a comment: finish it or take it out", f.fset.Position(group.Pos()))
			}
		}
	}
}
