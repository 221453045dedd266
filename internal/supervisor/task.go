package supervisor

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// task keeps one process of a deployment running until it is stopped.
type task struct {
	deployment  Deployment
	fingerprint string
	ordinal     int
	config      *Config

	stop chan struct{} // closed to drain
	done chan struct{} // closed when the process is gone for good

	mu       sync.Mutex
	stopOnce sync.Once
	status   Task
	failures int // starts in a row that did not last; resets after StableAfter
}

func startTask(d Deployment, ordinal int, config *Config) *task {
	t := &task{
		deployment: d, fingerprint: d.fingerprint(), ordinal: ordinal, config: config,
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	t.status = Task{Ordinal: ordinal, State: Starting, Since: time.Now(), Log: t.logPath()}
	go t.run()
	return t
}

func (t *task) logPath() string {
	return filepath.Join(t.config.LogDir, t.deployment.Name+"-"+strconv.Itoa(t.ordinal)+".log")
}

// drain asks the task to finish; done closes when it has.
func (t *task) drain() { t.stopOnce.Do(func() { close(t.stop) }) }

func (t *task) run() {
	defer close(t.done)
	logger := t.config.Logger.With("deployment", t.deployment.Name, "task", t.ordinal)
	log, err := openLog(t.logPath(), t.config.LogMaxBytes)
	if err != nil {
		logger.Error("a task runs without a log file", "error", err)
		log = &logFile{}
	}
	defer log.Close()
	for {
		started := time.Now()
		exit := t.once(log, logger)
		if t.stopping() {
			t.set(Stopped, 0, "", exit)
			logger.Info("task stopped", "exit", exit)
			return
		}
		wait := t.failed(time.Since(started))
		t.set(Backoff, 0, "", exit)
		logger.Warn("task ended by itself", "exit", exit, "restart_in", wait)
		t.config.restarted(t.deployment.Name)
		select {
		case <-t.stop:
			t.set(Stopped, 0, "", exit)
			return
		case <-time.After(wait):
		}
	}
}

// once runs the program to its end and says how it ended.
func (t *task) once(log io.Writer, logger *slog.Logger) string {
	env, err := t.config.environment(t.deployment, t.ordinal)
	if err != nil {
		return err.Error()
	}
	p, err := start(t.deployment.Program, t.config.Dir, env, log)
	if err != nil {
		return err.Error()
	}
	t.set(Starting, p.cmd.Process.Pid, p.address, "")
	logger.Info("task started", "pid", p.cmd.Process.Pid, "http_address", p.address)
	ctx, cancel := context.WithCancel(context.Background())
	go t.watch(ctx, p)
	select {
	case <-p.exited:
		cancel()
	case <-t.stop:
		cancel()
		t.set(Draining, p.cmd.Process.Pid, p.address, "")
		p.drain(t.config.DrainTimeout)
	}
	return p.exit
}

// watch follows /readyz: often until the task is ready, then seldom.
func (t *task) watch(ctx context.Context, p *process) {
	for {
		pause := t.config.ProbeInterval
		state := Starting
		if p.ready(ctx) {
			state = Running
			pause *= 10
		}
		t.mu.Lock()
		// Under the lock: after cancel the task's end is written, not its readiness.
		if ctx.Err() == nil && t.status.State != state {
			t.status.State, t.status.Since = state, time.Now()
		}
		t.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// failed counts a start that ended after ran and returns how long to wait before
// the next: the first comes almost at once, since partitions stand still.
func (t *task) failed(ran time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status.Restarts++
	if ran >= t.config.StableAfter {
		t.failures = 0
	}
	wait := t.config.BackoffMin << min(t.failures, 20)
	t.failures++
	return min(wait, t.config.BackoffMax)
}

func (t *task) set(state State, pid int, address, exit string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.status.State != state {
		t.status.Since = time.Now()
	}
	t.status.State, t.status.PID, t.status.HTTPAddress = state, pid, address
	if exit != "" {
		t.status.LastExit = exit
	}
}

func (t *task) snapshot() Task {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status
}

func (t *task) stopping() bool {
	select {
	case <-t.stop:
		return true
	default:
		return false
	}
}
