package supervisor

import (
	"sync"
	"time"
)

// controller brings the tasks of one deployment to what is wished for, one step
// at a time, and keeps doing so.
type controller struct {
	config *Config
	wake   chan struct{} // a new wish; holds one
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once

	mu    sync.Mutex
	wish  Deployment
	tasks []*task // by ordinal, gapless
}

func newController(d Deployment, config *Config) *controller {
	c := &controller{config: config, wish: d, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go c.run()
	return c
}

// apply replaces the wish.
func (c *controller) apply(d Deployment) {
	c.mu.Lock()
	c.wish = d
	c.mu.Unlock()
	c.nudge()
}

// nudge makes run look at the wish.
func (c *controller) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// close drains the tasks and returns when they are gone.
func (c *controller) close() {
	c.once.Do(func() { close(c.stop) })
	<-c.done
}

// wished is what apply was told last.
func (c *controller) wished() Deployment {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wish
}

func (c *controller) status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Deployment: c.wish, TasksStatus: []Task{}}
	fingerprint := c.wish.fingerprint()
	for _, t := range c.tasks {
		snapshot := t.snapshot()
		snapshot.Current = t.fingerprint == fingerprint
		s.TasksStatus = append(s.TasksStatus, snapshot)
	}
	return s
}

func (c *controller) run() {
	defer close(c.done)
	for !c.stopping() {
		c.scale()
		if c.replaceOne() {
			continue
		}
		select {
		case <-c.wake:
		case <-c.stop:
		}
	}
	c.mu.Lock()
	tasks := c.tasks
	c.mu.Unlock()
	drainAll(tasks)
}

func (c *controller) stopping() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// scale starts missing tasks and drains those of the highest ordinals.
func (c *controller) scale() {
	c.mu.Lock()
	for len(c.tasks) < c.wish.running() {
		c.tasks = append(c.tasks, startTask(c.wish, len(c.tasks), c.config))
	}
	excess := c.tasks[c.wish.running():]
	c.mu.Unlock()
	if len(excess) == 0 {
		return
	}
	drainAll(excess)
	c.mu.Lock()
	c.tasks = c.tasks[:len(c.tasks)-len(excess)]
	c.mu.Unlock()
}

// replaceOne takes one step of a rolling replacement: it waits until the tasks
// that run the wish are ready, then puts a new task in the place of one that was
// started from an older wish. It returns false when no task is old. So a
// successor that does not get ready holds the replacement, and the tasks not yet
// replaced go on, until there is a new wish.
func (c *controller) replaceOne() bool {
	c.mu.Lock()
	wish, fingerprint := c.wish, c.wish.fingerprint()
	var old *task
	var current []*task
	for _, t := range c.tasks {
		if t.fingerprint == fingerprint {
			current = append(current, t)
		} else if old == nil {
			old = t
		}
	}
	c.mu.Unlock()
	if old == nil {
		return false
	}
	for _, t := range current {
		if !c.waitReady(t) {
			return true // run looks at the new wish, or stops
		}
	}
	old.drain()
	<-old.done
	c.mu.Lock()
	c.tasks[old.ordinal] = startTask(wish, old.ordinal, c.config)
	c.mu.Unlock()
	return true
}

// waitReady returns false when there is a new wish, or the end, before t is ready.
func (c *controller) waitReady(t *task) bool {
	ticker := time.NewTicker(c.config.ProbeInterval)
	defer ticker.Stop()
	for t.snapshot().State != Running {
		select {
		case <-c.wake:
			return false
		case <-c.stop:
			return false
		case <-ticker.C:
		}
	}
	return true
}

func drainAll(tasks []*task) {
	for _, t := range tasks {
		t.drain()
	}
	for _, t := range tasks {
		<-t.done
	}
}
