package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"headwater.internal/platform/internal/local"
)

// How long the platform may take to answer, and to go.
const (
	startTime = 60 * time.Second
	stopTime  = 90 * time.Second // tasks get 30 s to drain
)

// ensurePlatform starts the platform unless it runs already, and waits until it
// answers. A platform of another build is restarted: its data stays.
func ensurePlatform(ctx context.Context, f placeFlags) (local.Place, local.Secrets, error) {
	s := begin("platform", 0)
	defer s.clear()
	pid, err := local.RunningPID(f.DataDir)
	if err != nil {
		return local.Place{}, local.Secrets{}, err
	}
	if pid != 0 {
		place, secrets, err := waitForPlatform(ctx, f, func() error { return nil })
		if err != nil {
			return place, secrets, err
		}
		if place.Revision == local.Revision() && (f.PortBase == 0 || f.PortBase == place.PortBase) {
			s.done("runs already, process %d", pid)
			return place, secrets, nil
		}
		if err := stopPlatform(ctx, f.DataDir, pid); err != nil {
			return place, secrets, err
		}
	}
	cmd, err := startPlatform(f)
	if err != nil {
		return local.Place{}, local.Secrets{}, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	place, secrets, err := waitForPlatform(ctx, f, func() error {
		select {
		case err := <-exited:
			return fmt.Errorf("it ended (%w); its log, %s, ends:\n%s", orZero(err), platformLog(f.DataDir), lastLines(platformLog(f.DataDir), 10))
		default:
			return nil
		}
	})
	if err != nil {
		return place, secrets, fmt.Errorf("start the platform: %w", err)
	}
	s.done("started, process %d: brokers %s to %d", place.PID, place.BootstrapServers[0], place.PortBase+1+local.Brokers)
	return place, secrets, nil
}

func orZero(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

func platformLog(dataDir string) string { return filepath.Join(dataDir, "logs", "platform.log") }

// startPlatform runs headwater run in a session of its own, so that it outlives
// the terminal.
func startPlatform(f placeFlags) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	path := platformLog(f.DataDir)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Size() > 32<<20 {
		_ = os.Rename(path, path+".1")
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(program, "run", "--data-dir", f.DataDir, "--port-base", strconv.Itoa(f.portBase())) //nolint:noctx // it outlives this command
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	return cmd, nil
}

// waitForPlatform returns when the platform answers. check ends the wait early.
func waitForPlatform(ctx context.Context, f placeFlags, check func() error) (local.Place, local.Secrets, error) {
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline); {
		// platform.json may still be the last run's: only the one who holds the lock counts.
		place, secrets, err := f.open()
		if pid, _ := local.RunningPID(f.DataDir); err == nil && pid != 0 && pid == place.PID && answers(ctx, place, secrets) {
			return place, secrets, nil
		}
		if err := check(); err != nil {
			return local.Place{}, local.Secrets{}, err
		}
		select {
		case <-ctx.Done():
			return local.Place{}, local.Secrets{}, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return local.Place{}, local.Secrets{}, fmt.Errorf("the platform does not answer after %s: see %s", startTime, platformLog(f.DataDir))
}

// stopPlatform asks the platform to go and waits until it is gone: the tasks
// drain, then the brokers write down what they know.
func stopPlatform(ctx context.Context, dataDir string, pid int) error {
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the platform, process %d: %w", pid, err)
	}
	for deadline := time.Now().Add(stopTime); time.Now().Before(deadline); {
		running, err := local.RunningPID(dataDir)
		if err != nil {
			return err
		}
		if running != pid {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("the platform, process %d, does not stop within %s: see %s", pid, stopTime, platformLog(dataDir))
}

// lastLines returns at most n lines from the end of a file, empty when it cannot
// be read.
func lastLines(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
