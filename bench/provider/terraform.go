package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// workspace is a folder that Terraform runs in.
type workspace struct {
	dir, rc, terraform string
	parallelism        int
}

// figures are of one run of Terraform.
type figures struct {
	Seconds     float64 `json:"seconds"`
	ProviderMiB float64 `json:"provider_mib"` // the most memory the provider had resident
}

// errLimit says that a run was cut off.
var errLimit = errors.New("it took longer than its limit")

// openWorkspace writes a configuration into a folder of its own and prepares it.
func openWorkspace(ctx context.Context, o *options, dir string, c contestant, config string) (*workspace, error) {
	terraform, err := exec.LookPath(o.Terraform)
	if err != nil {
		return nil, fmt.Errorf("find terraform: %w", err)
	}
	w := &workspace{dir: dir, rc: filepath.Join(o.DataDir, "terraform.rc"), terraform: terraform, parallelism: o.Parallelism}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.CopyFS(filepath.Join(dir, "modules", "event"), os.DirFS("modules/event")); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	_, err = w.run(ctx, c, "init", "-input=false")
	return w, err
}

// writeMirror makes a provider mirror of our build and, when one is named, the rival's.
func writeMirror(o *options) error {
	mirror := filepath.Join(o.DataDir, "mirror")
	programs := map[string]string{}
	ours, err := filepath.Glob("build/mirror/headwater.internal/platform/headwater/*/*/terraform-provider-headwater_v*")
	if err != nil || len(ours) != 1 {
		return errors.New("find the provider: run make build")
	}
	programs[filepath.Join(headwater.source, headwater.version, runtime.GOOS+"_"+runtime.GOARCH, filepath.Base(ours[0]))] = ours[0]
	if o.Rival != "" {
		programs[filepath.Join(rival.source, rival.version, runtime.GOOS+"_"+runtime.GOARCH, "terraform-provider-kafka_v"+rival.version)] = o.Rival
	}
	for name, program := range programs {
		path := filepath.Join(mirror, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		text, err := os.ReadFile(program)
		if err != nil {
			return fmt.Errorf("read the provider %s: %w", program, err)
		}
		if err := os.WriteFile(path, text, 0o755); err != nil { //nolint:gosec // a program
			return err
		}
	}
	rc := fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	return os.WriteFile(filepath.Join(o.DataDir, "terraform.rc"), []byte(rc), 0o600)
}

// run runs Terraform and measures it. An exit code other than 0 is an error that
// carries the end of what it said.
func (w *workspace) run(ctx context.Context, c contestant, args ...string) (figures, error) {
	cmd := exec.CommandContext(ctx, w.terraform, args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+w.rc, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return figures{}, err
	}
	most := make(chan float64)
	ended := make(chan struct{})
	go func() { most <- watch(cmd.Process.Pid, "terraform-provider-"+c.alias, ended) }()
	err := cmd.Wait()
	f := figures{Seconds: time.Since(begun).Seconds()}
	close(ended)
	f.ProviderMiB = <-most
	if ctx.Err() != nil {
		return f, fmt.Errorf("terraform %s: %w", args[0], errLimit)
	}
	if err != nil {
		text := out.String()
		return f, fmt.Errorf("terraform %s: %w\n%s", strings.Join(args, " "), err, text[max(0, len(text)-1500):])
	}
	return f, nil
}

// step runs one step of the life of a configuration.
func (w *workspace) step(ctx context.Context, c contestant, name string) (figures, error) {
	args := map[string][]string{
		stepCreate:      {"apply", "-auto-approve"},
		stepPlan:        {"plan", "-detailed-exitcode"}, // 2 when it is not empty
		stepRefreshOnly: {"plan", "-refresh-only"},      // its exit code is no witness, see docs/surprises.md
		stepDestroy:     {"destroy", "-auto-approve"},
	}[name]
	return w.run(ctx, c, append(args, "-input=false", "-no-color", "-compact-warnings", "-lock=false", "-parallelism="+strconv.Itoa(w.parallelism))...)
}

// watch samples the children of a process until it has ended and returns the most
// memory, in MiB, that those of that program had resident.
func watch(parent int, program string, ended <-chan struct{}) float64 {
	most := 0.0
	for {
		select {
		case <-ended:
			return most
		case <-time.After(100 * time.Millisecond):
		}
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
		if err != nil {
			continue
		}
		for _, pid := range append(strings.Fields(string(children)), threadsChildren(parent)...) {
			if exe, err := os.Readlink("/proc/" + pid + "/exe"); err == nil && strings.HasPrefix(filepath.Base(exe), program) {
				most = max(most, resident(pid))
			}
		}
	}
}

// threadsChildren are the children of a process's other threads.
func threadsChildren(parent int) []string {
	var all []string
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	for _, list := range lists {
		if text, err := os.ReadFile(list); err == nil {
			all = append(all, strings.Fields(string(text))...)
		}
	}
	return all
}

// resident is the most memory that a process has had resident, in MiB.
func resident(pid string) float64 {
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "VmHWM:" {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			return kib / 1024
		}
	}
	return 0
}
