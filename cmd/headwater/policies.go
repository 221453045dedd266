package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"headwater.internal/platform/internal/review"
)

// policyProgram holds a plan to the policies. It is a program of its own since
// the policy engine doubles what this one weighs and takes to build.
const policyProgram = "policy"

// askPolicies runs the policies over a plan file.
func askPolicies(ctx context.Context, plan string) (review.Verdict, error) {
	program, err := besideUs(policyProgram)
	if err != nil {
		return review.Verdict{}, err
	}
	cmd := exec.CommandContext(ctx, program, "--json", plan)
	var said bytes.Buffer
	cmd.Stderr = &said
	text, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1 || len(text) == 0) {
		return review.Verdict{}, fmt.Errorf("run the policies: %w\n%s", err, strings.TrimSpace(said.String()))
	}
	var verdict review.Verdict
	if err := json.Unmarshal(text, &verdict); err != nil {
		return review.Verdict{}, fmt.Errorf("run the policies: read the verdict: %w", err)
	}
	return verdict, nil
}

// besideUs finds a program that make builds beside this one.
func besideUs(name string) (string, error) {
	ours, err := os.Executable()
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(ours); err == nil {
		ours = resolved
	}
	for _, dir := range []string{filepath.Dir(ours), filepath.Join(findRoot(), "build", "bin")} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("the program %s is not built: run make policy", name)
}
