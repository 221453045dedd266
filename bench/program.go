package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// running is a program under measurement, with a state directory of its own.
type running struct {
	cmd *exec.Cmd
	log bytes.Buffer
	dir string
}

// start starts a subject as the supervisor would: its group, its outputs and its
// state are made anew.
func (p *platform) start(ctx context.Context, s subject) (*running, error) {
	if err := p.empty(ctx, append(append(append([]string{}, s.outputs...), s.state...), ledgerTopic)...); err != nil {
		return nil, err
	}
	if err := p.forgetGroup(ctx, s.group); err != nil {
		return nil, err
	}
	password := p.secrets.Admin
	if s.as != "admin" {
		password = p.secrets.Principals[s.as]
	}
	program := s.command[0]
	if strings.ContainsRune(program, filepath.Separator) {
		var err error
		if program, err = filepath.Abs(program); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(p.place.DataDir, "task-")
	if err != nil {
		return nil, err
	}
	r := &running{cmd: exec.CommandContext(ctx, program, s.command[1:]...), dir: dir}
	r.cmd.Stderr = &r.log
	r.cmd.Env = append(p.environment(s.as, password, dir), s.env...)
	// A measurement that is broken off, or killed, leaves no program behind.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", s.name, err), os.RemoveAll(dir))
	}
	return r, nil
}

// stop ends the program in order and removes its state. Its own error comes with
// what it wrote to stderr.
func (r *running) stop(cause error) error {
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	late := time.AfterFunc(30*time.Second, func() { _ = r.cmd.Process.Kill() })
	err := r.cmd.Wait()
	late.Stop()
	// Java answers SIGTERM by 128 + 15 after an orderly stop.
	if r.cmd.ProcessState != nil && r.cmd.ProcessState.ExitCode() == 128+int(syscall.SIGTERM) {
		err = nil
	}
	_ = os.RemoveAll(r.dir) // the platform's removal takes what is left
	if err = errors.Join(cause, err); err != nil {
		return fmt.Errorf("%w\n%s", err, r.log.String())
	}
	return nil
}

// peakMiB is the most memory that an ended program ever had resident.
func (r *running) peakMiB() float64 {
	usage, ok := r.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return float64(usage.Maxrss) / 1024
}

// residentMiB is the memory that a process has resident now.
func residentMiB(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("read the memory of process %d: it has ended", pid)
}
