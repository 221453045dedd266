package apache

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// guard is a process group that ends with this process, however that ends. Its
// leader waits for the far end of a pipe to close and then kills the group.
type guard struct {
	leader   *exec.Cmd
	lifeline *os.File // the write end; nothing is ever written
}

func newGuard() (*guard, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a lifeline: %w", err)
	}
	leader := exec.Command("/bin/sh", "-c", `trap "" HUP INT TERM; read _; kill -KILL 0`) //nolint:noctx // it must outlive every context
	leader.Stdin = read
	leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = leader.Start()
	_ = read.Close()
	if err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("start the guard of the processes: %w", err)
	}
	return &guard{leader: leader, lifeline: write}, nil
}

// close kills all processes of the group at once.
func (g *guard) close() {
	_ = g.lifeline.Close()
	_ = g.leader.Wait() // killed, by itself
}

// process is one Java of the group.
type process struct {
	name   string
	cmd    *exec.Cmd
	output string        // file of what it prints
	log    string        // file of what it logs
	exited chan struct{} // closed after it is gone
}

// run starts Java with the arguments in a file.
func (g *guard) run(java, name, argFile, output, log string) (*process, error) {
	out, err := os.OpenFile(output, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own
	p := &process{name: name, output: output, log: log, exited: make(chan struct{})}
	p.cmd = exec.Command(java, "@"+argFile) //nolint:noctx // Stop, Kill and Close end it
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: g.leader.Process.Pid}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in cmd.ProcessState
		close(p.exited)
	}()
	return p, nil
}

// alive reports whether the process runs. A nil one never did.
func (p *process) alive() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// terminate asks the process to end and kills it when it has not by the end of
// timeout or of ctx; the error says so.
func (p *process) terminate(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("stop %s: it had to be killed: %w", p.name, ctx.Err())
	}
}

// failure says how a process ended that should run, with its last words.
func (p *process) failure() error {
	words := ""
	for _, file := range slices.Compact([]string{p.output, p.log}) {
		text, _ := os.ReadFile(file) // it may have died before it logged
		words += string(text)
	}
	return fmt.Errorf("%s ended (%s); its log is %s, and ends:\n%s", p.name, p.cmd.ProcessState, p.log, lastLines(words, 12))
}
