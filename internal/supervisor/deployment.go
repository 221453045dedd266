// Package supervisor runs the processors of the local platform: N tasks of each
// deployment, restarted when they die, drained when they must go, replaced one
// by one when their deployment changes. It is to the local environment what ECS
// is to the others. Client is how the Terraform provider speaks to it.
package supervisor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Deployment is the wish: so many tasks of a program. Its name is the principal
// its tasks authenticate as.
type Deployment struct {
	Name              string            `json:"name"`
	Program           string            `json:"program"`             // absolute path
	Tasks             int               `json:"tasks"`               // while autoscaled: as many as the load needs now
	Autoscale         *Autoscale        `json:"autoscale,omitempty"` // nil keeps Tasks as it is
	Environment       map[string]string `json:"environment"`
	SecretEnvironment map[string]string `json:"secret_environment"` // variable -> key in the secret store
	Port              int               `json:"port"`               // where the program listens for its users; 0 for none
	Revision          string            `json:"revision"`           // changes when the program did
	Paused            bool              `json:"paused,omitempty"`   // no task runs; only [Supervisor.Pause] and [Supervisor.Resume] change it
}

// MaxTasks bounds a deployment, so that a slip of the pen does not fork a
// machine to death.
const MaxTasks = 64

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// Validate reports the first thing that keeps the deployment from running, in
// words for who wrote it.
func (d Deployment) Validate() error {
	switch {
	case !namePattern.MatchString(d.Name):
		return fmt.Errorf("name %q: use lower-case letters, digits and hyphens, starting with a letter", d.Name)
	case d.Tasks < 0 || d.Tasks > MaxTasks:
		return fmt.Errorf("tasks is %d: use 0 to %d", d.Tasks, MaxTasks)
	case d.Port < 0 || d.Port > 65535:
		return fmt.Errorf("port is %d: use 1 to 65535, or 0 for none", d.Port)
	case d.Port != 0 && d.Tasks > 1:
		return fmt.Errorf("tasks is %d with port %d: only one task can listen on a port", d.Tasks, d.Port)
	case !filepath.IsAbs(d.Program):
		return fmt.Errorf("program %q: use an absolute path", d.Program)
	}
	if err := d.Autoscale.validate(d.Port); err != nil {
		return err
	}
	info, err := os.Stat(d.Program)
	if err != nil {
		return fmt.Errorf("program %s: %w: build it first", d.Program, err)
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("program %s is not an executable file", d.Program)
	}
	for name := range d.Environment {
		if strings.HasPrefix(name, "HEADWATER_SASL_") || name == "HEADWATER_TASK" {
			return fmt.Errorf("environment sets %s, which the supervisor sets itself", name)
		}
	}
	return nil
}

// fingerprint is equal for two deployments whose running tasks need not be
// replaced to get from one to the other: all but the number of tasks and who
// sets it.
func (d Deployment) fingerprint() string {
	d.Tasks, d.Autoscale, d.Paused = 0, nil, false
	text, err := json.Marshal(d) // maps marshal in key order
	if err != nil {
		return err.Error() // not reachable: strings and ints
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// State is what a task is doing.
type State string

// The states of a task.
const (
	Starting State = "starting" // its process runs, /readyz does not answer 200 yet
	Running  State = "running"  // /readyz answered 200
	Backoff  State = "backoff"  // it died and waits to be started again
	Draining State = "draining" // it was asked to finish
	Stopped  State = "stopped"
)

// Task is one process of a deployment, as it stands.
type Task struct {
	Ordinal     int       `json:"ordinal"`
	PID         int       `json:"pid"`
	State       State     `json:"state"`
	Restarts    int       `json:"restarts"`
	HTTPAddress string    `json:"http_address"` // serves /healthz, /readyz and /metrics
	Since       time.Time `json:"since"`        // of State
	LastExit    string    `json:"last_exit"`    // how the process before this one ended
	Log         string    `json:"log"`          // path of its log file
	Current     bool      `json:"current"`      // started from the deployment as it is now
}

// Status is a deployment and its tasks.
type Status struct {
	Deployment
	TasksStatus []Task   `json:"tasks_status"`
	Scaling     *Scaling `json:"scaling,omitempty"` // of an autoscaled deployment, once it was measured
}

// running is how many tasks are to run now.
func (d Deployment) running() int {
	if d.Paused {
		return 0
	}
	return d.Tasks
}

// Settled reports whether every task wished for runs the deployment as it is
// now, and no other does. While a deployment is autoscaled tasks come and go;
// then the fewest it may have must run, and none that is old. One that is paused
// is settled once its last task is gone.
func (s Status) Settled() bool {
	if s.Paused {
		return len(s.TasksStatus) == 0
	}
	running := 0
	for _, t := range s.TasksStatus {
		if !t.Current {
			return false
		}
		if t.State == Running {
			running++
		}
	}
	if s.Autoscale != nil {
		return running >= s.Autoscale.MinTasks
	}
	return running == s.Tasks && len(s.TasksStatus) == s.Tasks
}
