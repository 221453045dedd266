package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Defends who has no terraform that is new enough, nor a way to fetch it: the
// answer says what is needed, what was found and what to do, and nothing was
// started for nothing.
func TestUpWithoutTerraformStartsNothing(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, ".terraform-version"), []byte("99.0.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := p.command("up", "--source", p.source)
	cmd.Dir = root                                            // whose .terraform-version counts
	cmd.Env = append(os.Environ(), "HTTPS_PROXY=127.0.0.1:1") // as where there is no network
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("terraform 99.0.0 was found:\n%s", out)
	}
	words := []string{"terraform 99.0.0 or newer is needed", "install it from https://", "put it on PATH"}
	if path, err := exec.LookPath("terraform"); err == nil {
		words = append(words, path+" is 1.")
	}
	for _, want := range words {
		if !strings.Contains(string(out), want) {
			t.Errorf("the answer lacks %q:\n%s", want, out)
		}
	}
	if left, err := filepath.Glob(filepath.Join(p.dir, "*", "*")); err != nil || len(left) > 0 {
		t.Errorf("something was started: %v %v", left, err)
	}
}
