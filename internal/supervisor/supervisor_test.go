package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"headwater.internal/platform/internal/supervisor/lifeline"
)

// The test binary is also the program that the tests deploy, and the supervisor
// that a test kills: TEST_ROLE says which.
func TestMain(m *testing.M) {
	switch os.Getenv("TEST_ROLE") {
	case "":
		os.Exit(m.Run())
	case "task":
		runTask()
	case "crash":
		fmt.Println("cannot open the thing")
		os.Exit(3)
	case "deaf": // ignores SIGTERM
		signal.Ignore(syscall.SIGTERM)
		runTask()
	case "supervisor":
		runSupervisor()
	}
}

// runTask serves /readyz and notes in TEST_NOTES what happens to it.
func runTask() {
	if err := lifeline.Hold(); err != nil {
		panic(err)
	}
	note("start")
	term := make(chan os.Signal, 1)
	if os.Getenv("TEST_ROLE") == "task" {
		signal.Notify(term, syscall.SIGTERM)
	}
	go func() {
		<-term
		note("drain")
		os.Exit(0)
	}()
	begun, rate := time.Now(), os.Getenv("TEST_RECORDS_PER_SECOND")
	err := http.ListenAndServe(os.Getenv("HEADWATER_HTTP_ADDRESS"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" { // busy all the time
			perSecond, _ := strconv.ParseFloat(rate, 64)
			busy := time.Since(begun).Seconds()
			fmt.Fprintf(w, "# TYPE %[1]s counter\n%[1]s %[2]g\n# TYPE %[3]s counter\n%[3]s %[4]g\n", recordsMetric, perSecond*busy, busyMetric, busy)
			return
		}
		if os.Getenv("TEST_NEVER_READY") != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	panic(err)
}

func note(what string) {
	f, err := os.OpenFile(os.Getenv("TEST_NOTES"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Fprintf(f, "%s %s %s %s\n", what, os.Getenv("HEADWATER_TASK"), os.Getenv("HEADWATER_SASL_USERNAME"), os.Getenv("TEST_SECRET"))
}

// runSupervisor deploys one task, prints its pid and waits to be killed.
func runSupervisor() {
	s, err := New(testConfig(os.Getenv("TEST_DIR")))
	if err != nil {
		panic(err)
	}
	program, _ := os.Executable()
	if err := s.Apply(Deployment{Name: "probe", Program: program, Tasks: 1, Environment: map[string]string{
		"TEST_ROLE": "deaf", "TEST_NOTES": os.Getenv("TEST_NOTES"),
	}}); err != nil {
		panic(err)
	}
	for {
		if st, err := s.Get("probe"); err == nil && st.Settled() {
			fmt.Println(st.TasksStatus[0].PID)
			select {}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func testConfig(dir string) Config {
	return Config{
		Dir: dir, LogDir: filepath.Join(dir, "logs"), StateDir: filepath.Join(dir, "state"),
		Login:        func(p string) (map[string]string, error) { return map[string]string{"HEADWATER_SASL_USERNAME": p}, nil },
		Secret:       func(key string) (string, error) { return "secret-" + key, nil },
		DrainTimeout: 500 * time.Millisecond, BackoffMin: 20 * time.Millisecond, BackoffMax: 100 * time.Millisecond,
		ProbeInterval: 10 * time.Millisecond,
	}
}

type bench struct {
	t      *testing.T
	super  *Supervisor
	client *Client
	notes  string
	dir    string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	b.notes = filepath.Join(b.dir, "notes")
	b.boot()
	return b
}

func (b *bench) boot() {
	b.t.Helper()
	s, err := New(testConfig(b.dir))
	if err != nil {
		b.t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler("token", map[string]string{"x": "y"}))
	b.super, b.client = s, &Client{URL: server.URL, Token: "token"}
	b.t.Cleanup(func() { server.Close(); s.Close(context.Background()) })
}

func (b *bench) deployment(role string, tasks int) Deployment {
	b.t.Helper()
	program, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	return Deployment{
		Name: "probe", Program: program, Tasks: tasks, Revision: "1",
		Environment:       map[string]string{"TEST_ROLE": role, "TEST_NOTES": b.notes},
		SecretEnvironment: map[string]string{"TEST_SECRET": "write_keys"},
	}
}

func (b *bench) apply(d Deployment) Status {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	if _, err := b.client.Apply(ctx, d); err != nil {
		b.t.Fatal(err)
	}
	s, err := b.client.WaitSettled(ctx, d.Name)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) noted() string {
	b.t.Helper()
	text, err := os.ReadFile(b.notes)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func (b *bench) eventually(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("after 10 s, not yet: %s\nnotes:\n%s", what, b.noted())
		}
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// A task knows who it is, its password's owner and its secrets, and no more than one of each runs.
func TestTasksGetTheirEnvironment(t *testing.T) {
	b := newBench(t)
	s := b.apply(b.deployment("task", 2))
	if len(s.TasksStatus) != 2 || s.TasksStatus[1].Ordinal != 1 {
		t.Fatalf("tasks: %+v", s.TasksStatus)
	}
	for _, want := range []string{"start 0 probe secret-write_keys", "start 1 probe secret-write_keys"} {
		if !strings.Contains(b.noted(), want) {
			t.Errorf("no %q in:\n%s", want, b.noted())
		}
	}
}

// A killed task comes back at once: its partitions stand still until then.
func TestKilledTaskIsRestarted(t *testing.T) {
	b := newBench(t)
	old := b.apply(b.deployment("task", 1)).TasksStatus[0].PID
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	b.eventually("restarted", func() bool {
		s, err := b.client.Get(t.Context(), "probe")
		return err == nil && s.Settled() && s.TasksStatus[0].PID != old
	})
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("restart took %v", took)
	}
	s, _ := b.client.Get(t.Context(), "probe")
	if got := s.TasksStatus[0]; got.Restarts != 1 || got.LastExit != "signal: killed" {
		t.Errorf("restarts %d, last exit %q", got.Restarts, got.LastExit)
	}
}

// Scaling keeps the tasks that stay, and drains the highest ordinals.
func TestScaling(t *testing.T) {
	b := newBench(t)
	first := b.apply(b.deployment("task", 1)).TasksStatus[0].PID
	three := b.apply(b.deployment("task", 3))
	if three.TasksStatus[0].PID != first {
		t.Error("scaling up replaced a task")
	}
	one := b.apply(b.deployment("task", 1))
	if one.TasksStatus[0].PID != first || alive(three.TasksStatus[2].PID) {
		t.Error("scaling down replaced task 0, or left task 2")
	}
	if got := b.noted(); !strings.Contains(got, "drain 2") || strings.Contains(got, "drain 0") {
		t.Errorf("drained the wrong tasks:\n%s", got)
	}
	b.apply(b.deployment("task", 0))
}

// A new revision replaces the tasks one by one: the next is drained only when the one before is ready.
func TestRollingReplace(t *testing.T) {
	b := newBench(t)
	b.apply(b.deployment("task", 2))
	d := b.deployment("task", 2)
	d.Revision = "2"
	b.apply(d)
	got := b.noted()
	order := []string{"drain 0", "start 0", "drain 1", "start 1"}
	rest := got[strings.Index(got, "drain"):]
	for _, want := range order {
		i := strings.Index(rest, want)
		if i < 0 {
			t.Fatalf("want %v in this order, got:\n%s", order, got)
		}
		rest = rest[i:]
	}
}

// A revision that does not get ready leaves the other tasks at work, and the next wish is obeyed.
func TestBrokenRevisionHoldsTheRoll(t *testing.T) {
	b := newBench(t)
	second := b.apply(b.deployment("task", 2)).TasksStatus[1].PID
	broken := b.deployment("task", 2)
	broken.Environment["TEST_NEVER_READY"] = "1"
	if _, err := b.client.Apply(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
	b.eventually("task 0 replaced", func() bool { return strings.Count(b.noted(), "start 0") == 2 })
	time.Sleep(100 * time.Millisecond)
	if !alive(second) {
		t.Error("the second task was replaced though the first is not ready")
	}
	b.apply(b.deployment("task", 2))
}

// A task that ignores SIGTERM is killed when its time is over.
func TestDrainTimeoutKills(t *testing.T) {
	b := newBench(t)
	pid := b.apply(b.deployment("deaf", 1)).TasksStatus[0].PID
	if err := b.client.Delete(t.Context(), "probe"); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Error("the task lives")
	}
	if _, err := b.client.Get(t.Context(), "probe"); !errors.Is(err, ErrUnknown) {
		t.Errorf("get after delete: %v", err)
	}
}

// Whoever deployed a program that dies learns it with its last words.
func TestCrashLoopIsReportedWithItsLog(t *testing.T) {
	b := newBench(t)
	if _, err := b.client.Apply(t.Context(), b.deployment("crash", 1)); err != nil {
		t.Fatal(err)
	}
	_, err := b.client.WaitSettled(t.Context(), "probe")
	var loop *CrashLoopError
	if !errors.As(err, &loop) || loop.Task.LastExit != "exit status 3" || !strings.Contains(loop.Log, "cannot open the thing") {
		t.Fatalf("got %v", err)
	}
}

// A supervisor that comes back runs what it ran before.
func TestDeploymentsAreRemembered(t *testing.T) {
	b := newBench(t)
	b.apply(b.deployment("task", 2))
	b.super.Close(t.Context())
	b.boot()
	b.eventually("running again", func() bool {
		s, err := b.client.Get(t.Context(), "probe")
		return err == nil && s.Settled()
	})
	if got := strings.Count(b.noted(), "drain"); got != 2 {
		t.Errorf("%d tasks were drained at the close, not 2", got)
	}
}

// A supervisor killed with SIGKILL takes its tasks with it: two of one would both write.
func TestTasksDieWithTheSupervisor(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_ROLE=supervisor", "TEST_DIR="+dir, "TEST_NOTES="+filepath.Join(dir, "notes"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 16)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for deadline := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("task %d outlived its supervisor by 5 s", pid)
		}
	}
}

// The API tells what is wrong in words, and nothing to who has no token.
func TestAPIRefusals(t *testing.T) {
	b := newBench(t)
	d := b.deployment("task", 2)
	d.Port = 9999
	if _, err := b.client.Apply(t.Context(), d); err == nil || !strings.Contains(err.Error(), "only one task can listen") {
		t.Errorf("two tasks on a port: %v", err)
	}
	d = b.deployment("task", 1)
	d.Program = "/no/such/program"
	if _, err := b.client.Apply(t.Context(), d); err == nil || !strings.Contains(err.Error(), "build it first") {
		t.Errorf("no program: %v", err)
	}
	stranger := &Client{URL: b.client.URL, Token: "wrong"}
	if _, err := stranger.List(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("wrong token: %v", err)
	}
}

// A log that grew past its bound rotates once and goes on.
func TestLogRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	l, err := openLog(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		fmt.Fprintf(l, "line %02d ......\n", i)
	}
	got, err := lastLines(path, 2)
	if err != nil || got != "line 18 ......\nline 19 ......" {
		t.Errorf("last lines %q, %v", got, err)
	}
	info, err := os.Stat(path + ".1")
	if err != nil || info.Size() > 100 {
		t.Errorf("rotated file: %v %v", info, err)
	}
}
