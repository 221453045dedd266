package chaos

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/local"
	"headwater.internal/platform/internal/supervisor"
)

// stages are the processors under test, in the order of the flow.
var stages = []string{"refine", "sessionize", "aggregate"}

// How the rules are set: short enough that sessions and windows close, reopen
// and merge during the run.
const (
	gap    = 5 * time.Second
	grace  = 2 * time.Second
	settle = 2 * time.Second
)

// platform is an embedded platform of its own, as `headwater up` makes it.
type platform struct {
	t          *testing.T
	dir        string
	portBase   int
	place      local.Place
	admin      kafka.Config
	supervisor *supervisor.Client
}

const headwater = "../../build/headwater"

func startPlatform(t *testing.T) *platform {
	t.Helper()
	if _, err := os.Stat(headwater); err != nil {
		t.Fatal("the programs are not built: run `make chaos`, or `make build` first")
	}
	p := &platform{t: t, dir: filepath.Join(t.TempDir(), "data"), portBase: freePorts(t)}
	t.Cleanup(p.end)
	p.run("up", "--source", "../..")
	place, err := local.OpenPlace(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := local.LoadSecrets(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	p.place, p.admin = place, place.AdminConfig(secrets)
	p.supervisor = &supervisor.Client{URL: place.SupervisorURL, Token: secrets.SupervisorToken}
	return p
}

// nextPorts keeps platforms that start at the same time apart.
var nextPorts atomic.Int64

// freePorts finds a base whose ports, from ten below to eight above, are free.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 200 {
		base := 31_400 + ((os.Getpid()+int(nextPorts.Add(1)))*40)%1_200
		free := true
		for port := base - 10; port <= base+8 && free; port++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if free = err == nil; free {
				l.Close()
			}
		}
		if free {
			return base
		}
	}
	t.Fatal("no free range of ports")
	return 0
}

func (p *platform) run(args ...string) {
	p.t.Helper()
	args = append(args, "--data-dir", p.dir, "--port-base", strconv.Itoa(p.portBase))
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, headwater, args...).CombinedOutput(); err != nil {
		p.t.Fatalf("headwater %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// configure gives every stage two tasks and the settings of this test.
func (p *platform) configure(s settings) {
	p.t.Helper()
	for _, stage := range stages {
		p.apply(stage, func(d *supervisor.Deployment) {
			d.Tasks = 0 // a group changes its protocol while nobody is in it
			d.Environment = map[string]string{
				"HEADWATER_SCHEMA_PATIENCE": s.patience.String(),
				"HEADWATER_SESSION_GAP":     gap.String(),
				"HEADWATER_GRACE":           grace.String(),
				"HEADWATER_SETTLE":          settle.String(),
				"HEADWATER_GROUP_PROTOCOL":  s.protocol,
			}
			if s.unsafe {
				d.Environment["HEADWATER_UNSAFE_NO_TRANSACTIONS"] = "true"
			}
		})
	}
	p.awaitSettled()
	for _, stage := range stages {
		p.apply(stage, func(d *supervisor.Deployment) { d.Tasks = 2 })
	}
	p.awaitSettled()
}

// awaitSettled waits until every stage runs the tasks it was given.
func (p *platform) awaitSettled() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	for _, stage := range stages {
		if _, err := p.supervisor.WaitSettled(ctx, stage); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *platform) apply(stage string, change func(*supervisor.Deployment)) {
	p.t.Helper()
	status, err := p.supervisor.Get(p.t.Context(), stage)
	if err == nil {
		d := status.Deployment
		change(&d)
		_, err = p.supervisor.Apply(p.t.Context(), d)
	}
	if err != nil {
		p.t.Fatalf("change deployment %s: %v", stage, err)
	}
}

// kill ends the platform process as a power cut would, and starts it again.
func (p *platform) kill() {
	p.t.Helper()
	pid, err := local.RunningPID(p.dir)
	if err != nil || pid == 0 {
		p.t.Fatalf("find the platform process: %d, %v", pid, err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		p.t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if now, err := local.RunningPID(p.dir); err == nil && now != pid {
			break
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the platform, process %d, outlives SIGKILL", pid)
		}
	}
	p.run("start")
}

// end stops the platform and whatever still runs on its data.
func (p *platform) end() {
	if p.t.Failed() {
		p.keepLogs()
	}
	for _, pid := range p.orphans() {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	args := []string{"down", "--data-dir", p.dir, "--port-base", strconv.Itoa(p.portBase)}
	if out, err := exec.Command(headwater, args...).CombinedOutput(); err != nil {
		p.t.Logf("stop the platform: %v\n%s", err, out)
	}
	for _, pid := range p.orphans() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// orphans are the processes that were started on this platform's data.
func (p *platform) orphans() []int {
	var pids []int
	found, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(text, []byte("HEADWATER_STATE_DIR="+p.dir+"/")) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// zombies counts how often a task that had slept past the session timeout in
// mid-transaction tried to commit it, and how often it was refused.
func (p *platform) zombies() (tried, refused int) {
	logs, _ := filepath.Glob(filepath.Join(p.dir, "logs", "*.log"))
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range bytes.Lines(text) {
			if bytes.Contains(line, []byte("tried to commit a transaction that was open for longer than a session")) {
				tried++
				if bytes.Contains(line, []byte("committed=false")) {
					refused++
				}
			}
		}
	}
	return tried, refused
}

// keepLogs copies the logs to where a failed run can be studied.
func (p *platform) keepLogs() {
	kept, err := os.MkdirTemp("", "headwater-chaos-")
	if err == nil {
		err = os.CopyFS(kept, os.DirFS(filepath.Join(p.dir, "logs")))
	}
	p.t.Logf("logs are kept in %s (%v)", kept, err)
}
