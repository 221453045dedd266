package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// testPlace is a place of two roots without a cloud: the second takes what the
// first puts out. It returns the folder that holds it.
func testPlace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range map[string]string{
		"environments/nowhere/cluster/terraform.tf":  "terraform {\n  backend \"local\" {\n    path = \"" + filepath.ToSlash(filepath.Join(dir, "cluster.tfstate")) + "\"\n  }\n}\n",
		"environments/nowhere/cluster/main.tf":       "resource \"terraform_data\" \"brokers\" {\n  input = \"a:9092\"\n}\n\noutput \"bootstrap_servers\" {\n  value = terraform_data.brokers.output\n}\n",
		"environments/nowhere/platform/terraform.tf": "terraform {\n  backend \"local\" {\n    path = \"" + filepath.ToSlash(filepath.Join(dir, "platform.tfstate")) + "\"\n  }\n}\n",
		"environments/nowhere/platform/main.tf":      "variable \"bootstrap_servers\" {\n  type = string\n}\n\nresource \"terraform_data\" \"topics\" {\n  input = \"topics of ${var.bootstrap_servers}\"\n}\n",
		"modules/none.tf":                            "",
		"schemas/none.tf":                            "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		writeInto(t, dir, path, text)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(filepath.Dir(program), policyProgram), "../policy")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Join(findRoot(), "build", "places", "nowhere")) })
	return dir
}

// What CI plans and what a person plans is one command: it says what would
// change, plans no root before what it needs is there, applies what it showed,
// and then there is nothing to change.
func TestPlanAndApplyAPlace(t *testing.T) {
	dir := testPlace(t)
	if out := mustCLI(t, "validate", "--source", dir); out != "nowhere/cluster is valid\nnowhere/platform is valid\n" {
		t.Errorf("got %s", out)
	}
	first := mustCLI(t, "plan", "nowhere", "--source", dir)
	for _, want := range []string{"nowhere/cluster: 1 to create.", "create terraform_data.brokers", "nowhere/platform is not planned: what it needs comes from cluster, which was never applied."} {
		if !strings.Contains(first, want) {
			t.Errorf("the first plan lacks %q:\n%s", want, first)
		}
	}
	applied := mustCLI(t, "apply", "nowhere", "--source", dir)
	if !strings.Contains(applied, "nowhere/platform: 1 to create.") {
		t.Errorf("got %s", applied)
	}
	state, err := os.ReadFile(filepath.Join(dir, "platform.tfstate"))
	if err != nil || !strings.Contains(string(state), "topics of a:9092") {
		t.Errorf("the platform did not get the cluster's output: %v %s", err, state)
	}
	again := mustCLI(t, "plan", "nowhere", "--source", dir, "--markdown", "--no-lock")
	if again != "### nowhere/cluster: \n\nNothing changes.\n\n\n### nowhere/platform: \n\nNothing changes.\n\n\n" {
		t.Errorf("the plan after the apply is not empty:\n%s", again)
	}
	left, _ := filepath.Glob(filepath.Join(findRoot(), "build", "plans", "nowhere-*"))
	for _, path := range left {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v %v", path, info.Mode(), err)
		}
		_ = os.Remove(path)
	}
}

// A place or a root that is not there is named beside those that are.
func TestPlaceThatIsNotThere(t *testing.T) {
	dir := testPlace(t)
	for args, want := range map[string]string{
		"plan elsewhere":              "environments/elsewhere has no roots: the places that have are nowhere",
		"plan nowhere --root network": "nowhere has no root network: it has cluster, platform",
		"plan local --root cluster":   "local has one root",
	} {
		_, err := cli(t, append(strings.Fields(args), "--source", dir)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", args, err)
		}
	}
}
