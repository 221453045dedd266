package main

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"headwater.internal/platform/internal/local"
	"headwater.internal/platform/internal/supervisor"
)

// pausable starts a supervisor with one deployment of the script, and makes the
// commands take it for that of a platform that runs.
func pausable(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "probe")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	secrets, err := local.EnsureSecrets(dir, "probe")
	if err != nil {
		t.Fatal(err)
	}
	s, err := supervisor.New(supervisor.Config{
		Dir: dir, LogDir: filepath.Join(dir, "logs"), StateDir: filepath.Join(dir, "state"),
		Login:  func(string) (map[string]string, error) { return nil, nil },
		Secret: func(string) (string, error) { return "", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler(secrets.SupervisorToken, nil))
	t.Cleanup(func() { server.Close(); s.Close(context.Background()) })
	if err := (local.Place{DataDir: dir, SupervisorURL: server.URL}).Save(); err != nil {
		t.Fatal(err)
	}
	holdLock(t, dir)
	if err := s.Apply(supervisor.Deployment{Name: "probe", Program: program, Tasks: 1}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HEADWATER_DATA_DIR", dir)
	return dir
}

// holdLock holds the lock of a platform that runs, until the test ends.
func holdLock(t *testing.T, dir string) {
	t.Helper()
	path := writeInto(t, dir, "platform.lock", "1")
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
}

// Defends what stands between an operator's slip and the data: reset and skip are
// refused while the processor runs, change nothing without a yes, and ask its
// program for exactly what was said.
func TestOperateOnPausedProcessorOnly(t *testing.T) {
	dir := pausable(t, `
case "$2" in *'"dry_run":true'*) dry=true;; *) dry=false;; esac
case "$1" in
--reset) echo "$1 $2 $HEADWATER_STATE_DIR" >>"$HEADWATER_STATE_DIR/../asked"
  echo '{"processor":"probe","moves":[{"topic":"raw.a","partition":0,"from":10,"to":6,"again":4}],"state_topic":"state.probe","state_records":3,"dry_run":'$dry'}';;
--skip) echo "the range must begin at 10" >&2; exit 1;;
*) exec sleep 300;;
esac
`)
	if err := os.MkdirAll(filepath.Join(dir, "state", "probe"), 0o755); err != nil {
		t.Fatal(err)
	}
	asked := func() string {
		text, _ := os.ReadFile(filepath.Join(dir, "state", "asked"))
		return string(text)
	}
	for _, args := range [][]string{
		{"reset", "probe", "--to", "earliest", "--yes"},
		{"skip", "probe", "--topic", "raw.a", "--partition", "0", "--from", "10", "--to", "11", "--yes"},
	} {
		if _, err := cli(t, args...); err == nil || !strings.Contains(err.Error(), "run headwater pause probe first") {
			t.Errorf("%v while it runs: %v", args, err)
		}
	}
	if out := mustCLI(t, "pause", "probe"); !strings.Contains(out, "probe is paused") {
		t.Error(out)
	}
	if _, err := cli(t, "state", "probe", "k"); err == nil || !strings.Contains(err.Error(), "run headwater resume probe first") {
		t.Errorf("state of a paused processor: %v", err)
	}
	if _, err := cli(t, "pause", "nobody"); err == nil || err.Error() != "there is no deployment nobody: there are probe" {
		t.Errorf("pause of what is not there: %v", err)
	}
	out := mustCLI(t, "reset", "probe", "--to", "earliest", "--dry-run")
	for _, part := range []string{"raw.a  0          10    6   4", "would: probe: at most 4 records", "3 keys of state.probe"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	if _, err := cli(t, "reset", "probe", "--to", "earliest"); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("without a yes: %v", err)
	}
	if strings.Contains(asked(), `"dry_run":false`) {
		t.Errorf("it was done without a yes: %s", asked())
	}
	mustCLI(t, "reset", "probe", "--to", "earliest", "--keep-state", "--by", "ann", "--yes")
	want := `--reset {"to":"earliest","topic":"","keep_state":true,"dry_run":false,"by":"ann"} ` + filepath.Join(dir, "state", "probe")
	if !strings.HasSuffix(strings.TrimSpace(asked()), want) {
		t.Errorf("asked\n%swant\n%s", asked(), want)
	}
	_, err := cli(t, "skip", "probe", "--topic", "raw.a", "--partition", "0", "--from", "11", "--to", "12", "--yes")
	if err == nil || err.Error() != "the range must begin at 10" {
		t.Errorf("what the program refuses: %v", err)
	}
}
