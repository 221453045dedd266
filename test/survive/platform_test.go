package survive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/local"
	"headwater.internal/platform/internal/supervisor"
)

// platform is one on Apache Kafka, of its own, as `make up KAFKA=apache` makes it.
type platform struct {
	t          *testing.T
	dir        string
	portBase   int
	place      local.Place
	admin      kafka.Config
	client     *kgo.Client // of the superuser, for looks at the cluster
	writeKey   string
	supervisor *supervisor.Client
}

const headwater = "../../build/headwater"

// startLimit bounds the start, downloads included.
const startLimit = 15 * time.Minute

func startPlatform(t *testing.T) *platform {
	t.Helper()
	if kind := os.Getenv("HEADWATER_TEST_KAFKA"); kind != "apache" && os.Getenv("CI") == "" {
		t.Skip("needs Java 17 and Maven: run `make survive`")
	}
	if _, err := os.Stat(headwater); err != nil {
		t.Fatal("the programs are not built: run `make survive`, or `make build` first")
	}
	p := &platform{t: t, dir: filepath.Join(t.TempDir(), "data"), portBase: freePorts(t)}
	t.Cleanup(p.end)
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	if out, err := p.run(ctx, "up", "--kafka", "apache", "--source", "../.."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	place, err := local.OpenPlace(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := local.LoadSecrets(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	p.place, p.admin, p.writeKey = place, place.AdminConfig(secrets), secrets.WriteKeys[local.LocalWriteKey]
	p.supervisor = &supervisor.Client{URL: place.SupervisorURL, Token: secrets.SupervisorToken}
	if p.client, err = p.admin.Client(kgo.MetadataMinAge(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.client.Close)
	t.Logf("the platform is up after %s, with %d MiB in %d processes", time.Since(begun).Round(time.Second), p.memory(), len(p.processes()))
	return p
}

// freePorts finds a base whose ports, from ten below to eight above, are free.
func freePorts(t *testing.T) int {
	t.Helper()
	for i := range 15 {
		base := 32_100 + (os.Getpid()+i)*40%600
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

// run calls the command line. The error carries what it printed.
func (p *platform) run(ctx context.Context, args ...string) (string, error) {
	args = append(args, "--data-dir", p.dir, "--port-base", strconv.Itoa(p.portBase))
	out, err := exec.CommandContext(ctx, headwater, args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("headwater %s: %w: %s", strings.Join(args, " "), err, lastLines(out, 10))
	}
	return string(out), nil
}

func lastLines(text []byte, n int) []byte {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))
}

// end stops the platform.
func (p *platform) end() {
	if p.t.Failed() {
		kept, err := os.MkdirTemp("", "headwater-survive-")
		if err == nil {
			err = errors.Join(os.CopyFS(kept, os.DirFS(filepath.Join(p.dir, "logs"))),
				os.CopyFS(filepath.Join(kept, "kafka"), os.DirFS(filepath.Join(p.dir, "apache", "logs"))))
		}
		p.t.Logf("logs are kept in %s (%v)", kept, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	if out, err := p.run(ctx, "down"); err != nil {
		p.t.Logf("stop the platform: %v\n%s", err, out)
	}
}

// taskSeen is a task as it was before an operation.
type taskSeen struct {
	pid, restarts int
	log           string
	logged        int64 // bytes of its log
}

// tasks are the processors' tasks as they are now, by deployment and ordinal.
func (p *platform) tasks(t *testing.T) map[string]taskSeen {
	t.Helper()
	list, err := p.supervisor.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]taskSeen{}
	for _, d := range list {
		for _, task := range d.TasksStatus {
			seen := taskSeen{pid: task.PID, restarts: task.Restarts, log: task.Log}
			if info, err := os.Stat(task.Log); err == nil {
				seen.logged = info.Size()
			}
			found[fmt.Sprintf("%s-%d", d.Name, task.Ordinal)] = seen
		}
	}
	return found
}

// unwell says which tasks met what they did not get over by trying again: those
// that ended, and what others logged as an error. Retried is how often a task began
// anew from what is committed, which is how it tries again.
func (p *platform) unwell(t *testing.T, before map[string]taskSeen) (lines []string, retried int) {
	t.Helper()
	now := p.tasks(t)
	for name, was := range before {
		if is := now[name]; is.restarts != was.restarts || is.pid != was.pid {
			lines = append(lines, fmt.Sprintf("%s ended: process %d is %d, %d restarts are %d", name, was.pid, is.pid, was.restarts, is.restarts))
		}
		text, err := os.ReadFile(was.log)
		if err != nil {
			t.Fatal(err)
		}
		errors, again := errorLines(name, text[min(was.logged, int64(len(text))):])
		lines, retried = append(lines, errors...), retried+again
	}
	return lines, retried
}

// beginsAnew is how a task says that it tries a transaction again.
const beginsAnew = "start anew from what is committed"

// retriedErrors are words of errors that are logged because they are tried again: by
// the task, or by its client, which says for how long it waits before.
var retriedErrors = []string{
	beginsAnew, "group manage loop errored", "fatal InitProducerID error, failing all buffered records",
	"unable to request api versions", // of one connection, to a broker that stops or starts
}

// errorLines are those that a program logged as errors, but for those that it says it
// tries again; retried counts transactions that were.
func errorLines(name string, log []byte) (lines []string, retried int) {
	for line := range bytes.Lines(log) {
		text := string(bytes.TrimSpace(line))
		switch {
		case strings.Contains(text, beginsAnew):
			retried++
		case slices.ContainsFunc(retriedErrors, func(words string) bool { return strings.Contains(text, words) }):
		case strings.Contains(text, "level=ERROR") || strings.Contains(text, "panic:"):
			lines = append(lines, fmt.Sprintf("%s logged an error: %s", name, text))
		}
	}
	return lines, retried
}

// processes are the process ids of this platform: what was started on its data.
func (p *platform) processes() []int {
	var pids []int
	found, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range found {
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		environment, _ := os.ReadFile(filepath.Join(dir, "environ"))
		if bytes.Contains(command, []byte(p.dir+"/")) || bytes.Contains(command, []byte(p.dir+"\x00")) ||
			bytes.Contains(environment, []byte("HEADWATER_STATE_DIR="+p.dir+"/")) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			pids = append(pids, pid)
		}
	}
	return pids
}

// memory is what they have in memory, in MiB.
func (p *platform) memory() int {
	total := 0
	for _, pid := range p.processes() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for line := range bytes.Lines(text) {
			var kib int
			if _, err := fmt.Sscanf(string(line), "VmRSS: %d kB", &kib); err == nil {
				total += kib
			}
		}
	}
	return total / 1024
}

// pidOf is the process of a node of Kafka.
func (p *platform) pidOf(node int32) (int, error) {
	mark := []byte(filepath.Join(p.dir, "apache", fmt.Sprintf("node-%d", node), "arguments"))
	for _, pid := range p.processes() {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if bytes.Contains(command, mark) {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("find the process of node %d: there is none", node)
}
