package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"headwater.internal/platform/internal/local"
	"headwater.internal/platform/internal/supervisor"
)

type upCommand struct {
	placeFlags

	Source string `type:"path" placeholder:"DIR" help:"The folder of environments, modules and schemas, when it is not the repository."`
	Sample *bool  `negatable:"" help:"Play the bundled sample into a platform that holds no events (default: unless --source is given)."`
}

// Help is shown under headwater up --help.
func (c *upCommand) Help() string {
	return `Starts the platform unless it runs: six brokers, a schema registry and a supervisor in one process, which outlives this command. Then it applies environments/local with terraform, waits until every processor is running, and plays a sample of customer events through the collector into an empty platform.

Run it again after any change of a .tf file, a schema or a program: what did not change is left alone. After a crash it goes on where the platform was. A processor that an operator has paused takes the change and stays paused.

Examples:
  headwater up
  headwater up --no-sample
  headwater up --data-dir /tmp/second --port-base 29090     a second platform beside the first

Terraform works on a copy in <data-dir>/terraform, where its state is kept too.`
}

// settled is how long a deployment may take to run after an apply.
const settled = 2 * time.Minute

// Run is the command.
func (c *upCommand) Run(ctx context.Context) error {
	began := time.Now()
	if err := checkPortBase(c.portBase()); err != nil {
		return err
	}
	lock, err := lockCommand(c.DataDir, "up")
	if err != nil {
		return err
	}
	defer lock.Close()
	tool, err := findTerraform(ctx, findRoot()) // first: without it there is nothing to start for
	if err != nil {
		return err
	}
	place, secrets, err := ensurePlatform(ctx, c.placeFlags)
	if err != nil {
		return err
	}
	run, err := prepareTerraform(ctx, tool, c.Source, place, secrets)
	if err != nil {
		return err
	}
	if err := applyEnvironment(ctx, run); err != nil {
		return err
	}
	paused, err := waitForProcessors(ctx, place, secrets)
	if err != nil {
		return err
	}
	report := summary{place: place}
	switch {
	case !c.playsSample():
	case len(paused) > 0: // it would wait for what nobody counts
		report.sample = &played{skipped: strings.Join(paused, ", ") + " is paused"}
	default:
		if report.sample, err = playSample(ctx, findRoot(), place, secrets); err != nil {
			return err
		}
	}
	if err := report.read(ctx, place, secrets); err != nil {
		return err
	}
	report.print(time.Since(began))
	return nil
}

func (c *upCommand) playsSample() bool {
	if c.Sample != nil {
		return *c.Sample
	}
	return c.Source == ""
}

// prepareTerraform copies the sources and has terraform initialize the copy.
func prepareTerraform(ctx context.Context, tool terraformTool, source string, place local.Place, secrets local.Secrets) (*terraformRun, error) {
	s := begin("terraform", 0)
	defer s.clear()
	run, err := prepareCopy(ctx, tool, source, place, secrets)
	if err != nil {
		return nil, err
	}
	s.done("%s, %s", tool.version, tool.path)
	return run, nil
}

// prepareCopy is prepareTerraform without a word.
func prepareCopy(ctx context.Context, tool terraformTool, source string, place local.Place, secrets local.Secrets) (*terraformRun, error) {
	root := findRoot()
	if _, err := writeTerraformConfig(root); err != nil {
		return nil, err
	}
	dir, err := copySources(sourceOr(source, root), place)
	if err != nil {
		return nil, err
	}
	env, err := terraformEnvironment(root, sourceOr(source, root), place, secrets)
	if err != nil {
		return nil, err
	}
	run := newTerraformRun(tool.path, dir, env)
	return run, run.init(ctx)
}

func applyEnvironment(ctx context.Context, run *terraformRun) error {
	s := begin("apply", 1)
	defer s.clear()
	done, err := run.apply(ctx, s)
	if err != nil {
		return err
	}
	s.done("%s", done.summary())
	return nil
}

// waitForProcessors returns when all tasks of all deployments run, those aside
// that an operator has paused, which it names.
func waitForProcessors(ctx context.Context, place local.Place, secrets local.Secrets) ([]string, error) {
	s := begin("processors", 0)
	defer s.clear()
	ctx, cancel := context.WithTimeout(ctx, settled)
	defer cancel()
	client := supervisorClient(place, secrets)
	list, err := client.List(ctx)
	if err != nil {
		return nil, err
	}
	tasks := 0
	for _, d := range list {
		status, err := client.WaitSettled(ctx, d.Name)
		if err != nil {
			return nil, err
		}
		tasks += len(status.TasksStatus)
	}
	paused := pausedNames(list)
	text := fmt.Sprintf("%d tasks of %d deployments are running", tasks, len(list)-len(paused))
	if len(paused) > 0 {
		text += ", paused: " + strings.Join(paused, ", ")
	}
	s.done("%s", text)
	return paused, nil
}

func supervisorClient(place local.Place, secrets local.Secrets) *supervisor.Client {
	return &supervisor.Client{URL: place.SupervisorURL, Token: secrets.SupervisorToken}
}
