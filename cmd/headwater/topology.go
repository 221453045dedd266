package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"headwater.internal/platform/internal/kafka"
	"headwater.internal/platform/internal/supervisor"
	"headwater.internal/platform/internal/topology"
)

type topologyCommand struct {
	placeFlags

	Processor string `arg:"" optional:"" help:"Only this one."`
	Format    string `enum:"text,mermaid,dot,svg,json" default:"text" help:"text, mermaid, dot, svg or json (default text)."`
	JSON      bool   `help:"The same as --format json."`
	Output    string `short:"o" type:"path" placeholder:"FILE" help:"Write to this file instead of standard output."`
	Programs  string `type:"path" placeholder:"DIR" help:"Describe the programs of this folder, with no platform running."`
}

// Help is shown under headwater topology --help.
func (c *topologyCommand) Help() string {
	return `Shows what each processor reads, writes and keeps, in the order in which events pass them: its topics with their partitions and schemas, its state topic and the version of its state, its consumer group, and which task has which partitions now. The programs that are deployed describe themselves, so what is shown is what runs.

Examples:
  headwater topology
  headwater topology sessionize
  headwater topology --format svg -o topology.svg
  headwater topology --format mermaid
  headwater topology --programs build/bin --format dot | dot -Tpng -o topology.png
  headwater topology --json | jq '.processors[] | {name, state: .state.topic}'`
}

// Run is the command.
func (c *topologyCommand) Run(ctx context.Context) error {
	graph, err := c.read(ctx)
	if err != nil {
		return err
	}
	graph.Sort()
	if c.Processor != "" && !graph.Only(c.Processor) {
		return fmt.Errorf("there is no processor %s: headwater topology shows those there are", c.Processor)
	}
	var out bytes.Buffer
	if c.JSON || c.Format == "json" {
		err = printJSON(&out, graph, true)
	} else {
		err = graph.Draw(&out, c.Format)
	}
	if err != nil {
		return err
	}
	if c.Output != "" {
		return os.WriteFile(c.Output, out.Bytes(), 0o644)
	}
	_, err = os.Stdout.Write(out.Bytes())
	return err
}

func (c *topologyCommand) read(ctx context.Context) (*topology.Graph, error) {
	graph := &topology.Graph{Processors: []topology.Processor{}, Topics: map[string]int32{}}
	if c.Programs != "" {
		programs, err := filepath.Glob(filepath.Join(c.Programs, "*"))
		if err != nil {
			return nil, err
		}
		for _, program := range programs {
			if d, err := describeProgram(ctx, program); err == nil {
				graph.Processors = append(graph.Processors, topology.Processor{Description: d, Tasks: []topology.Task{}})
			}
		}
		if len(graph.Processors) == 0 {
			return nil, fmt.Errorf("no program in %s describes itself: run make build first", c.Programs)
		}
		return graph, nil
	}
	place, secrets, err := c.openRunning()
	if err != nil {
		return nil, fmt.Errorf("%w (or name a folder of programs with --programs)", err)
	}
	deployments, err := supervisorClient(place, secrets).List(ctx)
	if err != nil {
		return nil, c.explain(err)
	}
	for _, d := range deployments {
		graph.Processors = append(graph.Processors, describeDeployment(ctx, d))
	}
	graph.Topics, err = partitionCounts(ctx, place.AdminConfig(secrets))
	return graph, err
}

// describeTime bounds a program's word about itself. One that does not know the
// flag may go on and run.
const describeTime = 5 * time.Second

// describeProgram asks a program what it is, without the environment that would
// make it a task.
func describeProgram(ctx context.Context, program string) (topology.Description, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	var d topology.Description
	cmd := exec.CommandContext(ctx, program, "--describe")
	cmd.Env = []string{}
	cmd.WaitDelay = time.Second
	text, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err == nil && d.Name == "" {
		err = errors.New("it does not say its name")
	}
	if err != nil {
		return d, fmt.Errorf("run %s --describe: %w", program, err)
	}
	return d, nil
}

// describeDeployment describes the program of a deployment and its tasks.
func describeDeployment(ctx context.Context, d supervisor.Status) topology.Processor {
	p := topology.Processor{Desired: d.Tasks, Running: running(d.TasksStatus), Paused: d.Paused, Tasks: []topology.Task{}}
	var err error
	if p.Description, err = describeProgram(ctx, d.Program); err != nil {
		p.Description = topology.Description{Name: d.Name}
		p.Problem = err.Error()
	}
	for _, t := range d.TasksStatus {
		if task, err := describeTask(ctx, t); err == nil && task != nil {
			p.Tasks = append(p.Tasks, *task)
		}
	}
	return p
}

// describeTask is what a running task says of itself; nil when it runs no
// partitions at all, as the collector.
func describeTask(ctx context.Context, t supervisor.Task) (*topology.Task, error) {
	var d topology.Description
	if _, err := askTask(ctx, t.HTTPAddress, "/topology", &d); err != nil {
		return nil, err
	}
	return d.Task, nil
}

// askTask gets JSON from a task. It returns the status as well: a refusal has a
// body of another shape.
func askTask(ctx context.Context, address, path string, into any) (int, error) {
	if address == "" {
		return 0, errors.New("the task does not run")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask the task: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		var refusal struct {
			Error string `json:"error"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&refusal); err != nil || refusal.Error == "" {
			refusal.Error = resp.Status
		}
		return resp.StatusCode, errors.New(strings.TrimSpace(refusal.Error))
	}
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(into)
}

// partitionCounts lists all topics with their numbers of partitions.
func partitionCounts(ctx context.Context, brokers kafka.Config) (map[string]int32, error) {
	client, err := brokers.Client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	details, err := kadm.NewClient(client).ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	counts := make(map[string]int32, len(details))
	for name, d := range details {
		counts[name] = int32(len(d.Partitions)) //nolint:gosec // Kafka counts them in 32 bits
	}
	return counts, nil
}
