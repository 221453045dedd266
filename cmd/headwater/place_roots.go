package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// lockFile pins the public providers of a root.
const lockFile = ".terraform.lock.hcl"

// placeRoot is one Terraform root of a place, in a working copy under build/.
type placeRoot struct {
	place, name string
	run         *terraformRun
	quiet       bool // show no steps: the output is a document
}

// begin shows that a step of the root began.
func (r placeRoot) begin(name string, total int64) *step {
	if r.quiet {
		return &step{quiet: true}
	}
	return begin(name, total)
}

// plans is where the root's plan and its JSON go. Both may hold secrets.
func (r placeRoot) plan(suffix string) string {
	return filepath.Join(findRoot(), "build", "plans", r.place+"-"+r.name+suffix)
}

// openPlace copies the roots of a place and what they are made of, and
// initializes the copies: all of them in the order of their names, or only one.
// The error lists the places or roots there are.
func openPlace(ctx context.Context, source, place, only string) ([]placeRoot, error) {
	top := findRoot()
	source = sourceOr(source, top)
	names, err := rootsOf(source, place)
	if err != nil {
		return nil, err
	}
	if only != "" && !slices.Contains(names, only) {
		return nil, fmt.Errorf("%s has no root %s: it has %s", place, only, strings.Join(names, ", "))
	}
	terraform, err := findTerraform(ctx, top)
	if err != nil {
		return nil, err
	}
	config, err := writeTerraformConfig(top)
	if err != nil {
		return nil, err
	}
	copied := filepath.Join(top, "build", "places", place)
	for _, tree := range []string{"environments/" + place, "modules", "schemas"} {
		if err := mirror(filepath.Join(source, filepath.FromSlash(tree)), filepath.Join(copied, filepath.FromSlash(tree))); err != nil {
			return nil, fmt.Errorf("copy the sources: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Join(top, "build", "plans"), 0o700); err != nil {
		return nil, err
	}
	var roots []placeRoot
	for _, name := range names {
		dir := filepath.Join(copied, "environments", place, name)
		if err := copyLock(filepath.Join(source, "environments", place, name), dir); err != nil {
			return nil, err
		}
		run := newTerraformRun(terraform.path, dir, map[string]string{"TF_CLI_CONFIG_FILE": config, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"})
		if only == "" || only == name {
			roots = append(roots, placeRoot{place: place, name: name, run: run})
		}
	}
	return roots, nil
}

// copyLock gives the copy the pinned providers, and no others: ours is rebuilt
// under the same version.
func copyLock(from, to string) error {
	err := os.Remove(filepath.Join(to, lockFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	err = copyFile(filepath.Join(from, lockFile), filepath.Join(to, lockFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// rootsOf lists the folders of a place that hold Terraform, A to Z.
func rootsOf(source, place string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(source, "environments", "*", "*", "terraform.tf"))
	if err != nil {
		return nil, err
	}
	places := map[string][]string{}
	for _, path := range found {
		dir := filepath.Dir(path)
		of := filepath.Base(filepath.Dir(dir))
		places[of] = append(places[of], filepath.Base(dir))
	}
	if len(places[place]) == 0 {
		return nil, fmt.Errorf("environments/%s has no roots: the places that have are %s", place, strings.Join(sortedNames(places), ", "))
	}
	return places[place], nil
}

func sortedNames(m map[string][]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// prepare initializes and validates the root, and hands it what earlier roots of
// the place put out under the names of its variables.
func (r placeRoot) prepare(ctx context.Context, outputs map[string]json.RawMessage) error {
	s := r.begin(r.name, 0)
	defer s.clear()
	for _, args := range [][]string{{"init", "-reconfigure", "-input=false", "-no-color"}, {"validate", "-no-color"}} {
		if err := r.terraform(ctx, args...); err != nil {
			return err
		}
	}
	needed, err := variablesOf(r.run.dir)
	if err != nil {
		return err
	}
	for _, name := range needed {
		value, ok := outputs[name]
		if _, set := os.LookupEnv("TF_VAR_" + name); !ok || set {
			continue
		}
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value) // Terraform reads lists and objects as JSON
		}
		r.run.env = append(r.run.env, "TF_VAR_"+name+"="+text)
	}
	s.done("initialized and valid")
	return nil
}

// variablesOf lists the variables that a root declares.
func variablesOf(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.tf"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		parsed, diags := hclparse.NewParser().ParseHCLFile(file)
		if diags.HasErrors() {
			return nil, diags.Errs()[0]
		}
		body, _ := parsed.Body.(*hclsyntax.Body)
		for _, b := range body.Blocks {
			if b.Type == "variable" {
				names = append(names, b.Labels[0])
			}
		}
	}
	return names, nil
}

// outputs reads what the root put out when it was last applied.
func (r placeRoot) outputs(ctx context.Context) (map[string]json.RawMessage, error) {
	text, err := r.run.command(ctx, "output", "-json").Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("terraform output in environments/%s/%s: %w\n%s", r.place, r.name, err, exit.Stderr)
	}
	if err != nil {
		return nil, err
	}
	var raw map[string]struct{ Value json.RawMessage }
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("read the outputs of environments/%s/%s: %w", r.place, r.name, err)
	}
	values := map[string]json.RawMessage{}
	for name, output := range raw {
		values[name] = output.Value
	}
	return values, nil
}
