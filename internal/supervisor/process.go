package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"headwater.internal/platform/internal/supervisor/lifeline"
)

// process is one running program with its lifeline.
type process struct {
	cmd      *exec.Cmd
	address  string        // of /readyz
	lifeline *os.File      // the write end: closing it ends the program at once
	exited   chan struct{} // closed after the program is gone
	exit     string        // how it ended, in words; read after exited
}

// start runs program with env added to this process's own environment, less its
// HEADWATER_ variables, in a process group of its own: Ctrl-C at the terminal
// reaches the supervisor, which drains.
func start(program, dir string, env map[string]string, log io.Writer) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make lifeline: %w", err)
	}
	p := &process{address: address, lifeline: write, exited: make(chan struct{})}
	p.cmd = exec.Command(program) //nolint:noctx // it outlives every request; drain and kill end it
	p.cmd.Dir = dir
	p.cmd.Env = environment(env, map[string]string{
		"HEADWATER_HTTP_ADDRESS": address,
		lifeline.EnvFD:           "3",
	})
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.ExtraFiles = []*os.File{read} // becomes fd 3
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second // a grandchild may hold the output open
	err = p.cmd.Start()
	_ = read.Close()
	if err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go p.wait()
	return p, nil
}

func (p *process) wait() {
	err := p.cmd.Wait()
	p.exit = "exit status 0"
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		p.exit = err.Error()
	}
	_ = p.lifeline.Close()
	close(p.exited)
}

// drain asks the program to finish, waits for timeout, and kills it then.
func (p *process) drain(timeout time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		return
	case <-time.After(timeout):
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// ready reports whether GET /readyz answers 200.
func (p *process) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := probe.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// probe keeps no connections: an address may be another program's the next time.
var probe = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// freeAddress asks the kernel for a port that nobody uses now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // returns at once
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	address := listener.Addr().String()
	return address, listener.Close()
}

func environment(layers ...map[string]string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "HEADWATER_") {
			env = append(env, kv)
		}
	}
	for _, layer := range layers {
		for _, name := range slices.Sorted(maps.Keys(layer)) {
			env = append(env, name+"="+layer[name])
		}
	}
	return env
}
