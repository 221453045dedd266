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
	// Interrupted once, terraform ends what is under way and saves its state; twice, it
	// leaves at once and knows nothing of what it made. A terminal's Ctrl-C reaches all of
	// a process group, so terraform has its own and hears of it from us alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 2 * time.Minute
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

// apply brings the platform to what the working copy says. Progress goes to s,
// warnings to standard error as terraform words them.
func (t *terraformRun) apply(ctx context.Context, s *step) (outcome, error) {
	return t.follow(ctx, s, "apply", "-auto-approve", "-input=false", "-json")
}

// plan writes what apply would do to a file, for show.
func (t *terraformRun) plan(ctx context.Context, s *step, file string) error {
	_, err := t.follow(ctx, s, "plan", "-input=false", "-json", "-out="+file)
	return err
}

// follow runs terraform and reads its messages. The error is what terraform says
// went wrong, each trouble once.
func (t *terraformRun) follow(ctx context.Context, s *step, args ...string) (outcome, error) {
	cmd := t.command(ctx, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, err
	}
	var rest strings.Builder
	cmd.Stderr = &rest
	if err := cmd.Start(); err != nil {
		return outcome{}, fmt.Errorf("terraform %s: %w", args[0], err)
	}
	reader := applyReader{step: s}
	reader.follow(stdout)
	err = cmd.Wait()
	if err == nil {
		return reader.outcome, nil
	}
	s.clear()
	if len(reader.errs) == 0 { // terraform said nothing: how it ended is all there is
		return reader.outcome, fmt.Errorf("terraform %s in %s: %w\n%s", args[0], t.dir, err, rest.String())
	}
	return reader.outcome, fmt.Errorf("terraform %s in %s:\n\n%s", args[0], t.dir, wordDiagnostics(reader.errs))
}

// applyReader follows an apply.
type applyReader struct {
	step    *step
	outcome outcome
	toRead  int64
	read    int64
	planned int64
	applied int64
	errs    []diagnostic
	warned  map[string]bool // by their shared words
}

func (r *applyReader) follow(lines io.Reader) {
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
	case "refresh_start":
		r.toRead++
	case "refresh_complete":
		r.read++
		r.step.at(r.read, r.toRead, "read")
	case "planned_change":
		r.planned++
	case "change_summary":
		if m.Changes.Operation == "apply" {
			r.outcome = outcome{m.Changes.Add, m.Changes.Change, m.Changes.Remove}
		}
	case "apply_complete":
		r.applied++
		r.step.at(r.applied, r.planned, "applied")
	case "diagnostic":
		if m.Diagnostic != nil {
			r.diagnose(*m.Diagnostic)
		}
	}
}

func (r *applyReader) diagnose(d diagnostic) {
	switch shared := d.sharedWords(); {
	case d.Severity == "error":
		r.errs = append(r.errs, d)
	case !r.warned[shared]:
		if r.warned == nil {
			r.warned = map[string]bool{}
		}
		r.warned[shared] = true
		r.step.warn(d.String())
	}
}

// summary words the outcome as terraform does.
func (o outcome) summary() string {
	if o.empty() {
		return "No changes. The platform matches environments/local."
	}
	return fmt.Sprintf("%d added, %d changed, %d destroyed", o.Add, o.Change, o.Remove)
}
