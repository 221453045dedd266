package stream

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/processors/internal/probe"
)

// envHired makes this test program a processor: what a task definition starts.
const envHired = "HEADWATER_TEST_HIRED"

func TestMain(m *testing.M) {
	if os.Getenv(envHired) != "" {
		Main(tallySpec, func(*Settings) Rule { return &tallyRule{} })
		return
	}
	os.Exit(m.Run())
}

// hired is a process that was told that two may run and nothing of itself: it has
// neither a number nor a state directory.
type hired struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string
	tmp     string
	exited  chan error
}

func (p *platform) hire(t *testing.T) *hired {
	t.Helper()
	h := &hired{t: t, address: freeAddress(t), tmp: t.TempDir(), exited: make(chan error, 1)}
	h.cmd = exec.Command(os.Args[0])
	h.cmd.Env = []string{
		envHired + "=1", "TMPDIR=" + h.tmp,
		kafka.EnvBootstrapServers + "=" + strings.Join(p.cluster.Config.BootstrapServers, ","),
		envSlots + "=2", envHTTP + "=" + h.address, envRegistry + "=" + p.registry.URL(), envCommit + "=10ms",
	}
	h.cmd.Stderr = testWriter{t}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { h.exited <- h.cmd.Wait() }()
	t.Cleanup(h.end)
	return h
}

// end has the process give its slot back, so that the cluster can be used again.
func (h *hired) end() {
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-h.exited:
	case <-time.After(20 * time.Second):
		_ = h.cmd.Process.Kill()
		<-h.exited
	}
	close(h.exited)
}

func (h *hired) signal(s os.Signal) {
	h.t.Helper()
	if err := h.cmd.Process.Signal(s); err != nil {
		h.t.Fatal(err)
	}
}

// says waits until /readyz of the process says so.
func (h *hired) says(limit time.Duration, what string) {
	h.t.Helper()
	last := ""
	for end := time.Now().Add(limit); !strings.Contains(last, what); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("/readyz never said %q; last: %s", what, last)
		}
		resp, err := (&http.Client{Timeout: time.Second}).Get("http://" + h.address + "/readyz")
		if err != nil {
			last = err.Error()
			continue
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		last = string(text)
	}
}

// load sends records until the function that it returns is called, which returns
// how many of each key.
func (p *platform) load(t *testing.T) (end func() map[string]int) {
	stop, sent := make(chan struct{}), make(chan map[string]int)
	go func() {
		all := map[string]int{}
		for {
			select {
			case <-stop:
				sent <- all
				return
			case <-time.After(10 * time.Millisecond):
				add(all, p.produceKeys("raw.a", 20))
			}
		}
	}()
	return func() map[string]int { t.Helper(); close(stop); return <-sent }
}

const (
	allHeld   = "all 2 slots of tally are held"
	inSession = 30 * time.Second // a session of 10 s, on a busy machine
)

// Tasks that nobody numbers and that have no disk count everything once: through
// one that is killed under load, a successor under the same number with its state
// restored into an empty directory, one that is paused for longer than its session,
// finds its number taken and must not commit under it, and one that drains.
func TestTasksWithoutNumberAndDisk(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, tallySpec, 4, "raw.a")
	killed, paused := p.hire(t), p.hire(t)
	killed.says(inSession, "ready")
	paused.says(inSession, "ready")
	third := p.hire(t)
	third.says(inSession, allHeld)

	sent := map[string]int{}
	end := p.load(t)
	time.Sleep(time.Second)
	killed.signal(syscall.SIGKILL)
	third.says(inSession, "ready\n")
	add(sent, end())
	p.checkCopies(sent)

	fourth := p.hire(t)
	fourth.says(inSession, allHeld)
	end = p.load(t)
	time.Sleep(time.Second)
	paused.signal(syscall.SIGSTOP)
	fourth.says(inSession, "ready\n")
	time.Sleep(time.Second)
	paused.signal(syscall.SIGCONT)
	paused.says(inSession, allHeld)
	time.Sleep(time.Second)
	add(sent, end())
	p.checkCopies(sent)

	end = p.load(t)
	begun := time.Now()
	third.signal(syscall.SIGTERM)
	if err := <-third.exited; err != nil {
		t.Errorf("told to stop, it ended with %v", err)
	}
	third.exited <- nil
	paused.says(8*time.Second, "ready\n") // less than a session
	t.Logf("the slot of a task that was told to stop was in use again after %s", time.Since(begun))
	add(sent, end())
	p.checkCopies(sent)

	if left, err := filepath.Glob(filepath.Join(third.tmp, "*")); err != nil || len(left) > 0 {
		t.Errorf("what drained left %q behind: %v", left, err)
	}
	if made, err := filepath.Glob(filepath.Join(fourth.tmp, "tally-state-*", "*")); err != nil || len(made) == 0 {
		t.Errorf("state was restored nowhere: %v", err)
	}
	if code, asked := probe.Asked([]string{"--probe"}, func(string) string { return fourth.address }); code != 0 || !asked {
		t.Errorf("the probe of a task that works says %d, %t", code, asked)
	}
}

// Where the number comes from is said once.
func TestOrdinalSettings(t *testing.T) {
	read := func(pairs ...string) (environment, error) {
		values := map[string]string{envHTTP: "127.0.0.1:0", envRegistry: "http://127.0.0.1:1"}
		for i := 0; i < len(pairs); i += 2 {
			values[pairs[i]] = pairs[i+1]
		}
		for _, name := range []string{envTask, envSlots, envStateDir, envHTTP, envRegistry, envDrain} {
			t.Setenv(name, values[name])
		}
		return readEnvironment()
	}
	for want, pairs := range map[string][]string{
		envSlots + " are empty":           {envStateDir, "/state"},
		"set one of them":                 {envTask, "1", envSlots, "4", envStateDir, "/state"},
		envStateDir + " is empty":         {envTask, "1"},
		"write a number from 1 to 1000":   {envSlots, "0"},
		"write a duration such as 25s":    {envSlots, "4", envDrain, "soon"},
		envHTTP + " is empty: the deploy": {envSlots, "4", envHTTP, ""},
	} {
		if _, err := read(pairs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", pairs, err, want)
		}
	}
	env, err := read(envSlots, "4")
	if err != nil || env.slots != 4 || env.stateDir != "" || env.drain != drainTimeout {
		t.Errorf("%+v, %v", env, err)
	}
}
