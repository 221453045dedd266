package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// terraformRun is terraform on the working copy of environments/local.
type terraformRun struct {
	program string
	dir     string
	env     []string
}

func newTerraformRun(program, dir string, env map[string]string) *terraformRun {
	t := &terraformRun{program: program, dir: dir}
	for _, kv := range os.Environ() {
		// What a shell sets for another root would change the meaning of this run.
		if !strings.HasPrefix(kv, "TF_CLI_ARGS") && !strings.HasPrefix(kv, "TF_DATA_DIR") && !strings.HasPrefix(kv, "TF_WORKSPACE") {
			t.env = append(t.env, kv)
		}
	}
	for name, value := range env {
		t.env = append(t.env, name+"="+value)
	}
	return t
}

func (t *terraformRun) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, t.program, args...)
	cmd.Dir = t.dir
	cmd.Env = t.env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // terraform saves its state
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

// init prepares the working copy. The lock file goes first: a rebuilt provider
// of the same version has another checksum.
func (t *terraformRun) init(ctx context.Context) error {
	if err := os.Remove(filepath.Join(t.dir, ".terraform.lock.hcl")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	out, err := t.command(ctx, "init", "-input=false", "-no-color").CombinedOutput()
	if err != nil {
		return fmt.Errorf("terraform init in %s: %w\n%s", t.dir, err, out)
	}
	return nil
}

// outcome is what an apply did.
type outcome struct {
	Add, Change, Remove int
}

func (o outcome) empty() bool { return o == outcome{} }

// message is one line of terraform's machine-readable output.
type message struct {
	Type    string `json:"type"`
	Text    string `json:"@message"`
	Changes struct {
		Add       int    `json:"add"`
		Change    int    `json:"change"`
		Remove    int    `json:"remove"`
		Operation string `json:"operation"`
	} `json:"changes"`
	Diagnostic *diagnostic `json:"diagnostic"`
}

type diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Address  string `json:"address"`
	Range    *struct {
		Filename string `json:"filename"`
		Start    struct {
			Line int `json:"line"`
		} `json:"start"`
	} `json:"range"`
}

// apply brings the platform to what the working copy says. Progress goes to s,
// warnings and errors to standard error as terraform words them.
func (t *terraformRun) apply(ctx context.Context, s *step) (outcome, error) {
	cmd := t.command(ctx, "apply", "-auto-approve", "-input=false", "-json")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, err
	}
	var rest strings.Builder
	cmd.Stderr = &rest
	if err := cmd.Start(); err != nil {
		return outcome{}, fmt.Errorf("terraform apply: %w", err)
	}
	reader := applyReader{step: s}
	reader.read(stdout)
	err = cmd.Wait()
	if err == nil {
		return reader.outcome, nil
	}
	s.clear()
	if len(reader.said) == 0 {
		reader.said = append(reader.said, rest.String())
	}
	return reader.outcome, fmt.Errorf("terraform apply in %s: %w\n\n%s", t.dir, err, strings.Join(reader.said, "\n"))
}

// applyReader follows an apply.
type applyReader struct {
	step    *step
	outcome outcome
	planned int64
	applied int64
	said    []string // errors
}

func (r *applyReader) read(lines io.Reader) {
	scanner := bufio.NewScanner(lines)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var m message
		if json.Unmarshal(scanner.Bytes(), &m) == nil {
			r.take(m)
		}
	}
}

func (r *applyReader) take(m message) {
	switch m.Type {
	case "planned_change":
		r.planned++
	case "change_summary":
		if m.Changes.Operation == "apply" {
			r.outcome = outcome{m.Changes.Add, m.Changes.Change, m.Changes.Remove}
		}
	case "apply_complete":
		r.applied++
		r.step.at(r.applied, r.planned)
	case "diagnostic":
		if m.Diagnostic != nil {
			r.diagnose(*m.Diagnostic)
		}
	}
}

func (r *applyReader) diagnose(d diagnostic) {
	text := d.String()
	if d.Severity == "error" {
		r.said = append(r.said, text)
	} else if !slices.Contains(r.said, text) {
		r.step.clear()
		fmt.Fprintln(os.Stderr, text)
	}
}

// String words the diagnostic as terraform does.
func (d diagnostic) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", strings.ToUpper(d.Severity[:1])+d.Severity[1:], d.Summary)
	if d.Address != "" {
		fmt.Fprintf(&b, "  with %s\n", d.Address)
	}
	if d.Range != nil {
		fmt.Fprintf(&b, "  on %s line %d\n", d.Range.Filename, d.Range.Start.Line)
	}
	if d.Detail != "" {
		fmt.Fprintf(&b, "\n  %s\n", strings.ReplaceAll(d.Detail, "\n", "\n  "))
	}
	return b.String()
}

// summary words the outcome as terraform does.
func (o outcome) summary() string {
	if o.empty() {
		return "No changes. The platform matches environments/local."
	}
	return fmt.Sprintf("%d added, %d changed, %d destroyed", o.Add, o.Change, o.Remove)
}
