package main

import (
	"bytes"
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

	"headwater.internal/platform/internal/apache"
	"headwater.internal/platform/internal/local"
)

// How long the platform may take to answer, and to go.
const (
	startTime       = 60 * time.Second
	apacheStartTime = 5 * time.Minute   // ten processes of Java, on a busy machine
	stopTime        = 150 * time.Second // tasks get 30 s to drain, real brokers 60 s
)

// ensurePlatform starts the platform unless it runs already, and waits until it
// answers. A platform of another build, or asked to move to other ports, is
// restarted: its data stays. Nothing is stopped before the ports are known to be
// usable.
func ensurePlatform(ctx context.Context, f placeFlags) (local.Place, local.Secrets, error) {
	if err := checkPortBase(f.portBase()); err != nil {
		return local.Place{}, local.Secrets{}, err
	}
	kind, err := local.ChooseKafka(f.DataDir, f.Kafka)
	if err != nil {
		return local.Place{}, local.Secrets{}, err
	}
	f.Kafka = kind
	if err := fetchKafka(ctx, kind); err != nil {
		return local.Place{}, local.Secrets{}, err
	}
	s := begin("platform", 0)
	defer s.clear()
	pid, err := local.RunningPID(f.DataDir)
	if err != nil {
		return local.Place{}, local.Secrets{}, err
	}
	var running local.Place
	if pid != 0 {
		place, secrets, err := waitForPlatform(ctx, f, func() error { return nil })
		if err != nil {
			return place, secrets, err
		}
		if place.Revision == local.Revision() && f.portBase() == place.PortBase {
			s.done("runs already, process %d", pid)
			return place, secrets, nil
		}
		running = place
	}
	if err := checkPortsFree(ctx, f.portBase(), running); err != nil {
		return local.Place{}, local.Secrets{}, err
	}
	if last, err := local.OpenPlace(f.DataDir); err == nil && last.PortBase != f.portBase() {
		s.clear()
		fmt.Printf("  %-12s moves from port base %d to %d: clients need the new addresses\n", s.name, last.PortBase, f.portBase())
	}
	if pid != 0 {
		if err := stopPlatform(ctx, f.DataDir, pid); err != nil {
			return running, local.Secrets{}, err
		}
	}
	place, secrets, err := launchPlatform(ctx, f)
	if err != nil {
		return place, secrets, fmt.Errorf("start the platform: %w", err)
	}
	s.done("started, process %d: brokers %s to %d", place.PID, place.BootstrapServers[0], place.PortBase+1+local.Brokers)
	return place, secrets, nil
}

// fetchKafka brings what the brokers are made of, where it is missing: a start
// that downloads would look like one that hangs.
func fetchKafka(ctx context.Context, kind string) error {
	if kind != local.Apache {
		return nil
	}
	s := begin("kafka", 0)
	defer s.clear()
	fetched := false
	err := apache.Fetch(ctx, local.ApacheCacheDir(findRoot()), func(string) { fetched = true })
	if err == nil && fetched {
		s.done("Apache Kafka and Apicurio are in build/apache")
	}
	return err
}

// launchPlatform starts the platform's process and waits until it answers. The
// error of one that ends says what it logged in this run.
func launchPlatform(ctx context.Context, f placeFlags) (local.Place, local.Secrets, error) {
	cmd, logged, err := startPlatform(f)
	if err != nil {
		return local.Place{}, local.Secrets{}, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	return waitForPlatform(ctx, f, func() error {
		select {
		case err := <-exited:
			return fmt.Errorf("it ended (%w): %s\n(its log is %s)", orZero(err), lastWords(platformLog(f.DataDir), logged), platformLog(f.DataDir))
		default:
			return nil
		}
	})
}

// lastWords is the error that a process ended with, else the end of what it wrote
// behind offset.
func lastWords(path string, offset int64) string {
	text, err := os.ReadFile(path)
	if err != nil || offset > int64(len(text)) {
		return ""
	}
	text = text[offset:]
	if at := bytes.LastIndex(text, []byte(errorPrefix)); at >= 0 {
		return strings.TrimSpace(string(text[at+len(errorPrefix):]))
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "\n" + strings.Join(lines[max(0, len(lines)-10):], "\n")
}

func orZero(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

func platformLog(dataDir string) string { return filepath.Join(dataDir, "logs", "platform.log") }

// startPlatform runs headwater run in a session of its own, so that it outlives
// the terminal. logged is where its lines begin in the log.
func startPlatform(f placeFlags) (cmd *exec.Cmd, logged int64, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, 0, err
	}
	path := platformLog(f.DataDir)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, 0, err
	}
	if info, err := os.Stat(path); err == nil {
		if logged = info.Size(); logged > 32<<20 && os.Rename(path, path+".1") == nil {
			logged = 0
		}
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, 0, err
	}
	defer log.Close()
	cmd = exec.Command(program, "run", "--data-dir", f.DataDir, "--port-base", strconv.Itoa(f.portBase()), "--kafka", f.Kafka) //nolint:noctx // it outlives this command
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	return cmd, logged, nil
}

// waitForPlatform returns when the platform answers. check ends the wait early.
func waitForPlatform(ctx context.Context, f placeFlags, check func() error) (local.Place, local.Secrets, error) {
	limit := startTime
	if f.Kafka == local.Apache {
		limit = apacheStartTime
	}
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
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
	return local.Place{}, local.Secrets{}, fmt.Errorf("the platform does not answer after %s: see %s", limit, platformLog(f.DataDir))
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
