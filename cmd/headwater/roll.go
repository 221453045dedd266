package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"headwater.internal/platform/internal/cluster"
	"headwater.internal/platform/internal/local"
)

type rollCommand struct {
	placeFlags

	Nodes    []int32       `arg:"" optional:"" help:"Node ids; all when none is named."`
	DryRun   bool          `help:"Print the order and what stands in the way now, and restart nothing."`
	Anew     bool          `help:"Begin with the first node, also when an earlier roll was interrupted."`
	Patience time.Duration `default:"5m" help:"How long the cluster may take to spare a node, and to be whole after its restart."`
}

// Help is shown under headwater roll --help.
func (c *rollCommand) Help() string {
	return `Restarts the brokers and controllers of the platform's Kafka (make up KAFKA=apache) one at a time: brokers by rack, then controllers, the active one last. Before each restart it asks whether the cluster can spare the node: every partition stays writable without it, no other broker is down, the controllers keep their majority. After it, it waits until the node is up, all replicas are in sync and the node leads again what it should. It never forces: when the cluster cannot spare a node for --patience it stops and says why.

A roll that was interrupted is taken up where it was: nodes that were restarted are left out, unless --anew.

Examples:
  headwater roll --dry-run
  headwater roll
  headwater roll 2 3`
}

// Run is the command.
func (c *rollCommand) Run(ctx context.Context) error {
	place, secrets, err := c.openRunning()
	if err != nil {
		return err
	}
	return c.restart(ctx, place, secrets, "headwater roll")
}

// restart restarts the nodes, or says what would stand in the way. again is the command
// that takes an interrupted roll up.
func (c *rollCommand) restart(ctx context.Context, place local.Place, secrets local.Secrets, again string) error {
	client, err := place.AdminConfig(secrets).Client()
	if err != nil {
		return err
	}
	defer client.Close()
	looked, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	snapshot, err := cluster.Read(looked, client)
	if err != nil {
		return c.explain(err)
	}
	order, err := c.order(snapshot)
	if err != nil {
		return err
	}
	if c.DryRun {
		printOrder(snapshot, order)
		return nil
	}
	note := rollNote{path: filepath.Join(place.DataDir, "roll.json")}
	if order, err = note.takeUp(order, c.Anew); err != nil {
		return err
	}
	supervisor := supervisorClient(place, secrets)
	roller := cluster.Roller{
		Client: client, Patience: c.Patience, Restart: supervisor.RestartNode, Done: note.done,
		Say: func(text string) { fmt.Println(text) },
	}
	if err := roller.Roll(ctx, order); err != nil {
		return fmt.Errorf("%w. What was restarted is noted: run %s again to go on", c.explain(err), again)
	}
	return note.end()
}

// order is that of the cluster, of the nodes that are named.
func (c *rollCommand) order(s cluster.Snapshot) ([]int32, error) {
	order := s.RollOrder()
	if len(c.Nodes) == 0 {
		return order, nil
	}
	for _, id := range c.Nodes {
		if !slices.Contains(order, id) {
			return nil, fmt.Errorf("node %d is neither a broker nor a controller: there are %v", id, order)
		}
	}
	return slices.DeleteFunc(order, func(id int32) bool { return !slices.Contains(c.Nodes, id) }), nil
}

func printOrder(s cluster.Snapshot, order []int32) {
	for i, id := range order {
		what := "controller"
		if b, ok := s.Broker(id); ok {
			what = "broker in rack " + b.Rack
		}
		if id == s.Controller {
			what += ", active"
		}
		may := "may be restarted now"
		if reasons := s.RestartRefusals(id); len(reasons) > 0 {
			may = "not now: " + strings.Join(reasons, "; ")
		}
		fmt.Printf("%2d. node %d (%s): %s\n", i+1, id, what, may)
	}
}

// rollNote is what an interrupted roll leaves: the nodes that it has restarted.
type rollNote struct {
	path string

	Begun time.Time `json:"begun"`
	Done  []int32   `json:"done"`
}

// takeUp leaves out what an earlier roll has done.
func (n *rollNote) takeUp(order []int32, anew bool) ([]int32, error) {
	text, err := os.ReadFile(n.path)
	if errors.Is(err, fs.ErrNotExist) || anew {
		n.Begun = time.Now().UTC()
		return order, nil
	}
	if err == nil {
		err = json.Unmarshal(text, n)
	}
	if err != nil {
		return nil, fmt.Errorf("read what an earlier roll has done: %w; headwater roll --anew does not look", err)
	}
	rest := slices.DeleteFunc(order, func(id int32) bool { return slices.Contains(n.Done, id) })
	fmt.Printf("go on with the roll of %s, which has restarted %v: %v are left\n", n.Begun.Format(time.RFC3339), n.Done, rest)
	return rest, nil
}

func (n *rollNote) done(id int32) error {
	n.Done = append(n.Done, id)
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return os.WriteFile(n.path, text, 0o600)
}

func (n *rollNote) end() error {
	if err := os.Remove(n.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fmt.Println("all nodes are restarted and well")
	return nil
}
