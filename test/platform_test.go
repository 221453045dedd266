// Package test drives Headwater as its users do: the built programs, the real
// terraform, events over HTTP. Nobody imports it.
package test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// platform is one embedded platform of its own: data directory, ports, and the
// working copy of the Terraform tree that is applied to it.
type platform struct {
	t        *testing.T
	dir      string // data directory
	source   string // a copy of environments, modules and schemas that tests may edit
	portBase int
}

// newPlatform prepares a platform without starting it. It is stopped and its data
// removed when the test ends; on failure the end of its logs is printed.
func newPlatform(t *testing.T) *platform {
	t.Helper()
	if _, err := os.Stat(headwater(t)); err != nil {
		t.Fatal("the programs are not built: run `make flow`, or `make build` first")
	}
	p := &platform{t: t, dir: filepath.Join(t.TempDir(), "data"), source: t.TempDir(), portBase: freePortBase(t)}
	for _, tree := range []string{"environments", "modules", "schemas"} {
		if err := os.CopyFS(filepath.Join(p.source, tree), os.DirFS(filepath.Join("..", tree))); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			p.printLogs()
		}
		if out, err := p.command("down").CombinedOutput(); err != nil {
			t.Logf("stop the platform: %v\n%s", err, out)
		}
	})
	return p
}

func headwater(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../build/headwater")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// nextPorts keeps platforms that start at the same time apart.
var nextPorts atomic.Int64

// freePortBase finds a base whose ports, from ten below to eight above, are free.
func freePortBase(t *testing.T) int {
	t.Helper()
	for range 200 {
		base := 20100 + (os.Getpid()*40+int(nextPorts.Add(40)))%11_000
		if portsFree(t.Context(), base-10, base+8) {
			return base
		}
	}
	t.Fatal("no free range of ports")
	return 0
}

func portsFree(ctx context.Context, from, to int) bool {
	for port := from; port <= to; port++ {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// command prepares a call of the command line against this platform.
func (p *platform) command(args ...string) *exec.Cmd {
	args = append(args, "--data-dir", p.dir, "--port-base", fmt.Sprint(p.portBase))
	cmd := exec.Command(headwater(p.t), args...)
	cmd.Dir = ".."
	return cmd
}

// run calls the command line and returns its standard output; an error fails the test.
func (p *platform) run(args ...string) string {
	p.t.Helper()
	out, err := p.try(args...)
	if err != nil {
		p.t.Fatalf("headwater %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// try calls the command line; on an error the output holds its standard error too.
func (p *platform) try(args ...string) (string, error) {
	cmd := p.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String() + stderr.String(), err
	}
	return stdout.String(), nil
}

// up starts the platform and applies the source tree to it, without the sample.
func (p *platform) up() string {
	p.t.Helper()
	return p.run("up", "--source", p.source)
}

// status is what `headwater status --json` says.
type status struct {
	BootstrapServers string `json:"bootstrap_servers"`
	RegistryURL      string `json:"registry_url"`
	CollectorURL     string `json:"collector_url"`
	SupervisorURL    string `json:"supervisor_url"`
	PID              int    `json:"pid"`
	Topics           []struct {
		Name    string `json:"name"`
		Records int64  `json:"records"`
	} `json:"topics"`
	Deployments []struct {
		Name   string `json:"name"`
		Paused bool   `json:"paused"`
		Tasks  []struct {
			State    string `json:"state"`
			PID      int    `json:"pid"`
			Restarts int    `json:"restarts"`
		} `json:"tasks"`
	} `json:"deployments"`
	Latency struct {
		P50     float64 `json:"p50_ms"`
		P99     float64 `json:"p99_ms"`
		Samples int64   `json:"samples"`
	} `json:"latency"`
}

func (p *platform) status() status {
	p.t.Helper()
	var s status
	if err := json.Unmarshal([]byte(p.run("status", "--json")), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// record is one line of `headwater tail --json`.
type record struct {
	Topic     string            `json:"topic"`
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	Key       string            `json:"key"`
	Headers   map[string]string `json:"headers"`
	Value     jsontext.Value    `json:"value"`
}

// tail reads what a topic holds now.
func (p *platform) tail(topic string) []record {
	p.t.Helper()
	var records []record
	for line := range strings.Lines(p.run("tail", topic, "--to-end", "--json")) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			p.t.Fatalf("tail %s: %v in %s", topic, err, line)
		}
		records = append(records, r)
	}
	return records
}

// latest folds the records of a compacted topic to the last value of each key.
func latest[V any](t *testing.T, records []record) map[string]V {
	t.Helper()
	last := map[string]V{}
	for _, r := range records {
		if string(r.Value) == "null" {
			delete(last, r.Key)
			continue
		}
		var v V
		if err := json.Unmarshal(r.Value, &v); err != nil {
			t.Fatalf("%s %s: %v", r.Topic, r.Value, err)
		}
		last[r.Key] = v
	}
	return last
}

// kill ends the platform process as a power cut would.
func (p *platform) kill() {
	p.t.Helper()
	pid := p.status().PID
	if pid <= 0 {
		p.t.Fatal("status names no process id")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		p.t.Fatal(err)
	}
	waitFor(p.t, 10*time.Second, "the platform process to be gone", func() bool {
		return syscall.Kill(pid, 0) != nil || isZombie(pid)
	})
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(stat, []byte(") Z "))
}

func (p *platform) printLogs() {
	logs, _ := filepath.Glob(filepath.Join(p.dir, "logs", "*.log"))
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		p.t.Logf("end of %s:\n%s", filepath.Base(path), text[max(0, len(text)-2000):])
	}
}

// waitFor polls until ok or fails the test naming what did not happen.
func waitFor(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited %s for %s", limit, what)
}
