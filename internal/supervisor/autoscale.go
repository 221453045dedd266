package supervisor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"headwater.internal/platform/internal/capacity"
)

// DefaultUtilization is the target utilization of an [Autoscale] that says none.
var DefaultUtilization = capacity.DefaultPolicy(1, 1).TargetUtilization

// Autoscale asks for as many tasks as the load needs, within bounds.
type Autoscale struct {
	MinTasks          int     `json:"min_tasks"`
	MaxTasks          int     `json:"max_tasks"`
	TargetUtilization float64 `json:"target_utilization,omitempty"` // share of their time that tasks may be busy; 0 is [DefaultUtilization]
}

func (a *Autoscale) validate(port int) error {
	switch {
	case a == nil:
		return nil
	case a.MinTasks < 1 || a.MinTasks > a.MaxTasks || a.MaxTasks > MaxTasks:
		return fmt.Errorf("autoscale from %d to %d tasks: use min_tasks from 1, max_tasks from min_tasks to %d", a.MinTasks, a.MaxTasks, MaxTasks)
	case a.TargetUtilization < 0 || a.TargetUtilization > 1:
		return fmt.Errorf("autoscale at a target utilization of %v: use a share above 0 and up to 1", a.TargetUtilization)
	case port != 0:
		return fmt.Errorf("autoscale with port %d: only one task can listen on a port", port)
	}
	return nil
}

// clamp brings n within the bounds.
func (a *Autoscale) clamp(n int) int { return min(max(n, a.MinTasks), a.MaxTasks) }

// policy is the law's, from base, with what a says.
func (a *Autoscale) policy(base capacity.Policy) capacity.Policy {
	base.Min, base.Max = a.MinTasks, a.MaxTasks
	if a.TargetUtilization > 0 {
		base.TargetUtilization = a.TargetUtilization
	}
	return base
}

// Scaling is what the scaling law last saw and said of a deployment.
type Scaling struct {
	At                time.Time `json:"at"`
	InputRate         float64   `json:"input_rate"`         // data records per second that arrive
	TaskRate          float64   `json:"task_rate"`          // data records per busy second of one task
	Backlog           float64   `json:"backlog"`            // data records that wait
	LagSeconds        float64   `json:"lag_seconds"`        // age of the oldest of them
	Utilization       float64   `json:"utilization"`        // share of their time that the tasks are busy
	TargetUtilization float64   `json:"target_utilization"` // to stay at or under
	Required          float64   `json:"capacity_required"`  // records per second
	Ratio             float64   `json:"capacity_ratio"`     // required over what the tasks have
	Reason            string    `json:"reason"`             // for the number of tasks, in words
	Changes           int       `json:"changes"`            // of the number of tasks, since the supervisor started
	Problem           string    `json:"problem,omitempty"`  // why nothing could be measured last
}

// autoscaler sets the number of tasks of the deployments that ask for it.
type autoscaler struct {
	supervisor *Supervisor
	config     *Config
	stop       context.CancelFunc
	done       chan struct{}

	mu     sync.Mutex
	scaled map[string]*scaled // by deployment
}

type scaled struct {
	scaler capacity.Scaler
	last   Scaling
}

// newAutoscaler makes an autoscaler of s that does not run yet.
func newAutoscaler(s *Supervisor) *autoscaler {
	return &autoscaler{supervisor: s, config: &s.config, stop: func() {}, done: make(chan struct{}), scaled: map[string]*scaled{}}
}

// start scales until close. Without a way to read offsets nothing is scaled.
func (a *autoscaler) start() {
	if a.config.Offsets == nil {
		close(a.done)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	go a.run(ctx)
}

func (a *autoscaler) close() {
	a.stop()
	<-a.done
}

func (a *autoscaler) run(ctx context.Context) {
	defer close(a.done)
	ticker := time.NewTicker(a.config.ScaleInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		a.round(ctx)
	}
}

// round looks at each autoscaled deployment once. One that is paused begins to be
// measured anew when it goes on: its backlog says nothing of its tasks.
func (a *autoscaler) round(ctx context.Context) {
	known := map[string]bool{}
	for _, d := range a.supervisor.List() {
		if d.Autoscale != nil && !d.Paused {
			known[d.Name] = true
			a.scale(ctx, d)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name := range a.scaled {
		if !known[name] {
			delete(a.scaled, name)
		}
	}
}

// scale measures one deployment and follows the law. What cannot be measured is
// left as it is.
func (a *autoscaler) scale(ctx context.Context, d Status) {
	a.mu.Lock()
	state := a.scaled[d.Name]
	if state == nil {
		state = &scaled{}
		a.scaled[d.Name] = state
	}
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	inputs, err := a.config.Offsets(ctx, d.Name)
	if err != nil {
		a.mu.Lock()
		state.last.Problem = err.Error()
		a.mu.Unlock()
		if ctx.Err() == nil {
			a.config.Logger.Warn("autoscale: read the offsets", "deployment", d.Name, "error", err)
		}
		return
	}
	sample := capacity.Sample{At: time.Now(), Inputs: inputs, Tasks: readTasks(ctx, d.TasksStatus)}
	policy := d.Autoscale.policy(a.config.ScalePolicy)
	decision, load := state.scaler.Step(policy, sample, d.Tasks)
	a.mu.Lock()
	state.last = Scaling{
		At: sample.At, InputRate: load.InputRate, TaskRate: load.TaskRate, Backlog: load.Backlog, LagSeconds: load.TimeLag.Seconds(),
		Utilization: load.Utilization, TargetUtilization: policy.TargetUtilization,
		Required: decision.Required, Ratio: decision.Ratio, Reason: decision.Reason, Changes: state.last.Changes,
	}
	if decision.Tasks != d.Tasks {
		state.last.Changes++
	}
	a.mu.Unlock()
	if decision.Tasks == d.Tasks {
		return
	}
	a.config.Logger.Info("autoscale", "deployment", d.Name, "from", d.Tasks, "to", decision.Tasks, "reason", decision.Reason)
	if err := a.supervisor.setTasks(d.Name, decision.Tasks); err != nil {
		a.config.Logger.Warn("autoscale: set the number of tasks", "deployment", d.Name, "error", err)
	}
}

// latest is what the law last said of a deployment; nil when it has not yet.
func (a *autoscaler) latest(name string) *Scaling {
	a.mu.Lock()
	defer a.mu.Unlock()
	state := a.scaled[name]
	if state == nil || (state.last.At.IsZero() && state.last.Problem == "") {
		return nil
	}
	last := state.last
	return &last
}
