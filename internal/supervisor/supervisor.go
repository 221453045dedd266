package supervisor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"headwater.internal/platform/internal/capacity"
)

// Config is how a supervisor runs its tasks. Zero durations get the defaults
// named beside them.
type Config struct {
	Dir      string // where deployments.json is kept; working directory of the tasks
	LogDir   string // one file a task
	StateDir string // one folder a deployment, shared by its tasks

	Environment map[string]string                                 // what every task gets
	Login       func(principal string) (map[string]string, error) // variables that the deployment's principal logs in with
	Secret      func(key string) (value string, known error)      // of secret_environment

	// Offsets reads how far the inputs of a deployment's consumer group reach and
	// how far the group has come. Without it nothing is autoscaled.
	Offsets       func(ctx context.Context, group string) (map[capacity.Partition]capacity.Offsets, error)
	ScalePolicy   capacity.Policy // of autoscaled deployments, less what each says itself; the law's default when zero
	ScaleInterval time.Duration   // between two looks, 2 s

	// RestartNode stops a node of Kafka in order, starts it and returns when it
	// serves. Nil where there are none to restart.
	RestartNode func(ctx context.Context, id int) error

	DrainTimeout  time.Duration // from SIGTERM to SIGKILL, 30 s
	BackoffMin    time.Duration // before the first restart, 100 ms; doubles
	BackoffMax    time.Duration // 15 s
	StableAfter   time.Duration // running so long makes the next restart a first one, 30 s
	ProbeInterval time.Duration // between two looks at /readyz of a starting task, 100 ms
	LogMaxBytes   int64         // 32 MiB, then the file rotates

	Logger   *slog.Logger
	Registry *prometheus.Registry // served at /metrics

	restarts *prometheus.CounterVec
}

// Supervisor keeps the deployments it was given running.
type Supervisor struct {
	config Config

	mu          sync.Mutex
	deployments map[string]*controller
	closed      bool
	autoscaler  *autoscaler
}

// ErrUnknown says that there is no deployment of that name.
var ErrUnknown = errors.New("no such deployment")

// errClosed says that the platform is going down.
var errClosed = errors.New("the supervisor is shutting down")

// New starts a supervisor and the deployments that its Dir remembers.
func New(config Config) (*Supervisor, error) {
	config.defaults()
	s := &Supervisor{config: config, deployments: map[string]*controller{}}
	s.autoscaler = newAutoscaler(s)
	config.Registry.MustRegister(&collector{s}, s.config.restarts)
	remembered, err := s.load()
	if err != nil {
		return nil, err
	}
	for _, d := range remembered {
		s.deployments[d.Name] = newController(d, &s.config)
	}
	s.autoscaler.start()
	return s, nil
}

func (c *Config) defaults() {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&c.DrainTimeout, 30*time.Second)
	set(&c.BackoffMin, 100*time.Millisecond)
	set(&c.BackoffMax, 15*time.Second)
	set(&c.StableAfter, 30*time.Second)
	set(&c.ProbeInterval, 100*time.Millisecond)
	set(&c.ScaleInterval, 2*time.Second)
	if c.ScalePolicy == (capacity.Policy{}) {
		c.ScalePolicy = capacity.DefaultPolicy(1, 1)
	}
	if c.LogMaxBytes == 0 {
		c.LogMaxBytes = 32 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	c.restarts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "headwater_supervisor_restarts_total",
		Help: "Tasks that ended by themselves and were started again.",
	}, []string{"deployment"})
}

func (c *Config) restarted(deployment string) { c.restarts.WithLabelValues(deployment).Inc() }

// environment is what the supervisor tells one task, its own words last.
func (c *Config) environment(d Deployment, ordinal int) (map[string]string, error) {
	login, err := c.Login(d.Name)
	if err != nil {
		return nil, fmt.Errorf("read the credential of %s: %w", d.Name, err)
	}
	state := filepath.Join(c.StateDir, d.Name)
	if err := os.MkdirAll(state, 0o755); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	env := maps.Clone(c.Environment)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, d.Environment)
	for variable, key := range d.SecretEnvironment {
		if env[variable], err = c.Secret(key); err != nil {
			return nil, fmt.Errorf("read secret %s for %s: %w", key, variable, err)
		}
	}
	maps.Copy(env, login)
	env["HEADWATER_TASK"] = strconv.Itoa(ordinal)
	env["HEADWATER_STATE_DIR"] = state
	if d.Port != 0 {
		env["HEADWATER_LISTEN"] = "127.0.0.1:" + strconv.Itoa(d.Port)
	}
	return env, nil
}

// Apply makes d the wish for its name and returns at once; the tasks follow.
// A deployment that is and stays autoscaled keeps as many tasks as it has, within
// the new bounds, and one that is paused stays so, whatever d says. The error is that of Validate, or that d could not be
// remembered.
func (s *Supervisor) Apply(d Deployment) error {
	if err := d.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	c := s.deployments[d.Name]
	d.Paused = c != nil && c.wished().Paused
	if d.Autoscale != nil {
		if c != nil && c.wished().Autoscale != nil {
			d.Tasks = c.wished().Tasks
		}
		d.Tasks = d.Autoscale.clamp(d.Tasks)
	}
	if err := s.save(d.Name, &d); err != nil {
		return err
	}
	if c != nil {
		c.apply(d)
		return nil
	}
	s.deployments[d.Name] = newController(d, &s.config)
	return nil
}

// Pause drains the tasks of a deployment and starts none until [Supervisor.Resume],
// over restarts of the supervisor and new wishes too. It returns at once. The
// error is [ErrUnknown] when there is none of that name.
func (s *Supervisor) Pause(name string) error { return s.setPaused(name, true) }

// Resume starts the tasks of a paused deployment again, as many as it had. It
// returns at once. The error is [ErrUnknown] when there is none of that name.
func (s *Supervisor) Resume(name string) error { return s.setPaused(name, false) }

func (s *Supervisor) setPaused(name string, paused bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.deployments[name]
	switch {
	case s.closed:
		return errClosed
	case c == nil:
		return fmt.Errorf("pause or resume deployment %s: %w", name, ErrUnknown)
	}
	d := c.wished()
	d.Paused = paused
	if err := s.save(name, &d); err != nil {
		return err
	}
	c.apply(d)
	return nil
}

// setTasks changes the number of tasks of a deployment that is still autoscaled.
func (s *Supervisor) setTasks(name string, tasks int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.deployments[name]
	if c == nil || s.closed {
		return nil
	}
	d := c.wished()
	if d.Autoscale == nil || d.Paused || d.Autoscale.clamp(tasks) != tasks {
		return nil // changed since it was measured
	}
	d.Tasks = tasks
	if err := s.save(name, &d); err != nil {
		return err
	}
	c.apply(d)
	return nil
}

// Delete drains the tasks of a deployment and forgets it. It returns when they
// are gone. The error is [ErrUnknown] when there is none of that name.
func (s *Supervisor) Delete(name string) error {
	s.mu.Lock()
	c := s.deployments[name]
	if c == nil {
		s.mu.Unlock()
		return fmt.Errorf("delete deployment %s: %w", name, ErrUnknown)
	}
	err := s.save(name, nil)
	if err == nil {
		delete(s.deployments, name)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	c.close()
	return nil
}

// Get returns one deployment. The error is [ErrUnknown] when there is none of
// that name.
func (s *Supervisor) Get(name string) (Status, error) {
	s.mu.Lock()
	c := s.deployments[name]
	s.mu.Unlock()
	if c == nil {
		return Status{}, fmt.Errorf("read deployment %s: %w", name, ErrUnknown)
	}
	return s.status(c), nil
}

// status is a deployment's, with what the autoscaler says of it.
func (s *Supervisor) status(c *controller) Status {
	status := c.status()
	if status.Autoscale != nil {
		status.Scaling = s.autoscaler.latest(status.Name)
	}
	return status
}

// List returns all deployments by name.
func (s *Supervisor) List() []Status {
	s.mu.Lock()
	all := maps.Clone(s.deployments)
	s.mu.Unlock()
	list := []Status{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, s.status(all[name]))
	}
	return list
}

// Close drains all tasks at once and returns when they are gone. What was
// deployed is remembered for the next start.
func (s *Supervisor) Close(context.Context) {
	s.mu.Lock()
	s.closed = true
	all := slices.Collect(maps.Values(s.deployments))
	s.mu.Unlock()
	s.autoscaler.close()
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(c.close)
	}
	wg.Wait()
}

func (s *Supervisor) file() string { return filepath.Join(s.config.Dir, "deployments.json") }

func (s *Supervisor) load() ([]Deployment, error) {
	text, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read deployments: %w", err)
	}
	var list []Deployment
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("read deployments from %s: %w", s.file(), err)
	}
	return list, nil
}

// save remembers all deployments with name replaced by d, or without it when d
// is nil. The caller holds mu.
func (s *Supervisor) save(name string, d *Deployment) error {
	list := []Deployment{}
	for n, c := range s.deployments {
		if n != name {
			list = append(list, c.wished())
		}
	}
	if d != nil {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b Deployment) int { return cmp.Compare(a.Name, b.Name) })
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.config.Dir, 0o755); err != nil {
		return fmt.Errorf("remember deployments: %w", err)
	}
	tmp := s.file() + ".tmp"
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return fmt.Errorf("remember deployments: %w", err)
	}
	return os.Rename(tmp, s.file())
}
