package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"headwater.internal/platform/internal/supervisor"
)

// pauseTime bounds how long tasks may take to drain: the supervisor kills one
// that does not after 30 s.
const pauseTime = time.Minute

type pauseCommand struct {
	placeFlags

	Processor string `arg:"" help:"The deployment, as headwater status names it."`
}

// Help is shown under headwater pause --help.
func (c *pauseCommand) Help() string {
	return `Drains the tasks of a processor and starts none until headwater resume: its events wait on their topics. Neither a restart of the platform, terraform apply nor autoscaling starts it, terraform plan shows no change, and headwater status says paused. It returns when the last task is gone.

reset and skip ask for a paused processor.

Examples:
  headwater pause sessionize
  headwater resume sessionize`
}

// Run is the command.
func (c *pauseCommand) Run(ctx context.Context) error {
	client, err := c.supervisor()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pauseTime)
	defer cancel()
	if _, err := client.Pause(ctx, c.Processor); err != nil {
		return c.explainDeployment(ctx, c.Processor, err)
	}
	if _, err := client.WaitSettled(ctx, c.Processor); err != nil {
		return c.explainDeployment(ctx, c.Processor, err)
	}
	fmt.Println(isPaused(c.Processor))
	return nil
}

// resumeTime bounds how long tasks may take to be ready: state may have to be
// restored.
const resumeTime = 3 * time.Minute

type resumeCommand struct {
	placeFlags

	Processor string `arg:"" help:"The deployment, as headwater status names it."`
}

// Help is shown under headwater resume --help.
func (c *resumeCommand) Help() string {
	return `Starts the tasks of a paused processor again, as many as it had, and returns when they are ready.

Example:
  headwater resume sessionize`
}

// Run is the command.
func (c *resumeCommand) Run(ctx context.Context) error {
	client, err := c.supervisor()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, resumeTime)
	defer cancel()
	if _, err := client.Resume(ctx, c.Processor); err != nil {
		return c.explainDeployment(ctx, c.Processor, err)
	}
	status, err := client.WaitSettled(ctx, c.Processor)
	if err != nil {
		return c.explainDeployment(ctx, c.Processor, err)
	}
	fmt.Printf("%s runs with %d of %d tasks\n", c.Processor, len(status.TasksStatus), status.Tasks)
	return nil
}

// supervisor is the client of the local platform's.
func (f placeFlags) supervisor() (*supervisor.Client, error) {
	place, secrets, err := f.openRunning()
	if err != nil {
		return nil, err
	}
	return supervisorClient(place, secrets), nil
}

// explainDeployment says which deployments there are when there is none of the
// name.
func (f placeFlags) explainDeployment(ctx context.Context, name string, err error) error {
	if !errors.Is(err, supervisor.ErrUnknown) {
		return f.explain(err)
	}
	client, err := f.supervisor()
	if err != nil {
		return err
	}
	list, err := client.List(ctx)
	if err != nil {
		return f.explain(err)
	}
	var names []string
	for _, d := range list {
		names = append(names, d.Name)
	}
	return fmt.Errorf("there is no deployment %s: there are %s", name, strings.Join(names, ", "))
}

// pausedNames are the deployments that an operator has paused.
func pausedNames(list []supervisor.Status) []string {
	var names []string
	for _, d := range list {
		if d.Paused {
			names = append(names, d.Name)
		}
	}
	return names
}

// isPaused says what that means and how it ends.
func isPaused(name string) string {
	return fmt.Sprintf("%s is paused: no task runs until headwater resume %s", name, name)
}

// idle says why a deployment has no tasks.
func (d deploymentStatus) idle() string {
	if d.Paused {
		return "paused"
	}
	return "no tasks"
}
