package chaos

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"headwater.internal/platform/internal/supervisor"
)

// injector carries a schedule out.
type injector struct {
	p        *platform
	schedule []fault
	done     map[action]int

	mu      sync.Mutex
	stopped map[process]bool
	waking  sync.WaitGroup
}

// process is one process for good: a pid may be given again.
type process struct {
	pid     int
	started string
}

func newInjector(p *platform, s settings) *injector {
	return &injector{
		p: p, schedule: schedule(s), done: make(map[action]int),
		stopped: make(map[process]bool),
	}
}

// run injects the faults in their order and returns when all are done.
func (i *injector) run() {
	began := time.Now()
	for _, f := range i.schedule {
		time.Sleep(time.Until(began.Add(f.at)))
		i.inject(f)
	}
}

func (i *injector) inject(f fault) {
	stage := stages[f.stage]
	switch f.action {
	case killPlatform:
		i.p.kill()
	case scale:
		i.p.apply(stage, func(d *supervisor.Deployment) {
			if d.Tasks == f.tasks {
				f.tasks = d.Tasks%4 + 1
			}
			d.Tasks = f.tasks
		})
	default:
		target, ok := i.target(f)
		if !ok {
			return // counted as missing
		}
		if f.action == killTask {
			_ = syscall.Kill(target.pid, syscall.SIGKILL)
		} else {
			i.stop(target, f.hold)
		}
	}
	i.done[f.action]++
}

// target finds a task that runs, of the fault's stage or of the next.
func (i *injector) target(f fault) (process, bool) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for n := range stages {
			if found := i.running(stages[(f.stage+n)%len(stages)]); len(found) > 0 {
				return found[f.pick%len(found)], true
			}
		}
	}
	return process{}, false
}

// running lists the stage's tasks that have a process, not stopped by us.
func (i *injector) running(stage string) []process {
	status, err := i.p.supervisor.Get(i.p.t.Context(), stage)
	if err != nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var found []process
	for _, task := range status.TasksStatus {
		// Also one that starts: a fault may come while it restores.
		if task.PID <= 0 {
			continue
		}
		if one, ok := identify(task.PID); ok && !i.stopped[one] {
			found = append(found, one)
		}
	}
	return found
}

func identify(pid int) (process, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return process{}, false
	}
	return process{pid, fields[19]}, true
}

func (i *injector) stop(target process, hold time.Duration) {
	_ = syscall.Kill(target.pid, syscall.SIGSTOP)
	i.mu.Lock()
	i.stopped[target] = true
	i.mu.Unlock()
	i.waking.Go(func() {
		select {
		case <-time.After(hold):
		case <-i.p.t.Context().Done():
		}
		if again, ok := identify(target.pid); ok && again == target {
			_ = syscall.Kill(target.pid, syscall.SIGCONT)
		}
		i.mu.Lock()
		delete(i.stopped, target)
		i.mu.Unlock()
	})
}

// release waits until every stopped task has been woken at its time.
func (i *injector) release() { i.waking.Wait() }

func (i *injector) total() int {
	n := 0
	for _, times := range i.done {
		n += times
	}
	return n
}

// String lists what was injected.
func (i *injector) String() string {
	parts := []string{fmt.Sprintf("%d faults", i.total())}
	for _, a := range slices.Sorted(maps.Keys(i.done)) {
		parts = append(parts, fmt.Sprintf("%d %s", i.done[a], a))
	}
	return strings.Join(parts, ", ")
}
