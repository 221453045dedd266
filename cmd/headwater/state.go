package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/supervisor"
	"headwater.internal/platform/internal/topology"
)

type stateCommand struct {
	placeFlags

	Processor string `arg:"" help:"The processor, as headwater status names it."`
	Key       string `arg:"" help:"What to look for: see below."`
	JSON      bool   `help:"Print one JSON object."`
}

// Help is shown under headwater state --help.
func (c *stateCommand) Help() string {
	return `Shows what a processor's state holds of a key, now and as committed. It asks the running task that has the key's partition, or all of them where any partition may hold some of it.

The key is, for
  sessionize   a customer, or an anonymous id: its sessions
  aggregate    an event type, or * for all together: its latest windows, per partition
  refine       an event's type, source and id with blanks between: whether it was seen, and until when that is remembered
  another one  any text: the entries whose key contains it, in hexadecimal

It fails when nothing is held of the key, when the processor does not run, and when the partition stays on its way from one task to another for 10 seconds.

Examples:
  headwater state sessionize customer-42
  headwater state aggregate checkout.order_placed
  headwater state refine "checkout.order_placed web-shop 5f0c"
  headwater state sessionize customer-42 --json | jq '.partitions[].sessions[] | select(.state == "open")'`
}

// heldState is what the command prints. Its JSON is read by programs.
type heldState struct {
	Processor  string        `json:"processor"`
	Key        string        `json:"key"`
	Partitions map[int32]any `json:"partitions"` // what those hold that hold anything
}

// movingTime is how long a partition may be on its way.
const movingTime = 10 * time.Second

// Run is the command.
func (c *stateCommand) Run(ctx context.Context) error {
	place, secrets, err := c.openRunning()
	if err != nil {
		return err
	}
	client := supervisorClient(place, secrets)
	status, err := client.Get(ctx, c.Processor)
	if err != nil {
		return c.explainDeployment(ctx, c.Processor, err)
	}
	if status.Paused {
		return fmt.Errorf("%s is paused and its state is shown by its tasks: run headwater resume %s first", c.Processor, c.Processor)
	}
	about, err := describeProgram(ctx, status.Program)
	if err != nil || about.State == nil {
		return fmt.Errorf("%s keeps no state: headwater topology shows those that do", c.Processor)
	}
	counts, err := partitionCounts(ctx, place.AdminConfig(secrets))
	if err != nil {
		return err
	}
	wanted := wantedPartitions(about, inputPartitions(about, counts), c.Key)
	tasks := func(ctx context.Context) ([]supervisor.Task, error) {
		status, err := client.Get(ctx, c.Processor)
		return status.TasksStatus, err
	}
	found, err := askState(ctx, c.Processor, c.Key, wanted, tasks)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(os.Stdout, heldState{c.Processor, c.Key, found}, true)
	}
	for _, number := range slices.Sorted(maps.Keys(found)) {
		fmt.Printf("partition %d:\n", number)
		if err := printJSON(os.Stdout, found[number], true); err != nil {
			return err
		}
	}
	return nil
}

// inputPartitions is how many partition numbers the processor has: those of its
// largest input.
func inputPartitions(about topology.Description, counts map[string]int32) (n int32) {
	graph := topology.Graph{Topics: counts}
	for _, source := range about.Sources {
		for _, topic := range graph.Match(source.Topic, source.Pattern) {
			n = max(n, counts[topic])
		}
	}
	return n
}

// wantedPartitions are those of n that may hold something of the key: one, where
// the key is that of the inputs' records, which Kafka's producers hash.
func wantedPartitions(about topology.Description, n int32, key string) []int32 {
	if !about.Rule.Spread && n > 0 {
		record := &kgo.Record{Key: []byte(key)}
		return []int32{int32(kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(record, int(n)))} //nolint:gosec // below n
	}
	var all []int32
	for p := range n {
		all = append(all, p)
	}
	return all
}

// askState asks the tasks until each wanted partition has been looked at. What
// moves meanwhile is asked for again where it went.
func askState(ctx context.Context, processor, key string, wanted []int32, tasks func(context.Context) ([]supervisor.Task, error)) (map[int32]any, error) {
	found, missing := make(map[int32]any), slices.Clone(wanted)
	var last error
	for end := time.Now().Add(movingTime); len(missing) > 0; {
		list, err := tasks(ctx)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(t supervisor.Task) bool { return t.HTTPAddress != "" }) {
			return nil, fmt.Errorf("%s is not running: headwater status says why", processor)
		}
		for _, t := range list {
			if missing, err = askMissing(ctx, t, key, missing, found); err != nil {
				last = err
			}
		}
		var wrong *wrongKeyError
		switch {
		case errors.As(last, &wrong):
			return nil, fmt.Errorf("look up %q in %s: %w", key, processor, last)
		case len(missing) == 0:
		case time.Now().After(end):
			return nil, fmt.Errorf("partitions %v of %s are moving or being restored: try again, headwater topology %s shows where they are (last answer: %w)", missing, processor, processor, last)
		default:
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s holds nothing of %q", processor, key)
	}
	return found, nil
}

// wrongKeyError is an answer that asking again does not change.
type wrongKeyError struct{ text string }

// Error is what the task said.
func (e *wrongKeyError) Error() string { return e.text }

// askMissing asks a task for those of the missing partitions that it has, and
// returns those that are missing still.
func askMissing(ctx context.Context, t supervisor.Task, key string, missing []int32, found map[int32]any) (left []int32, err error) {
	here, err := describeTask(ctx, t)
	if err != nil || here == nil {
		return missing, errors.Join(errors.New("a task does not answer"), err)
	}
	for _, number := range missing {
		if _, has := here.Partitions[number]; !has {
			left = append(left, number)
			continue
		}
		var held topology.Held
		query := url.Values{"key": {key}, "partition": {strconv.Itoa(int(number))}}
		code, askErr := askTask(ctx, t.HTTPAddress, "/state?"+query.Encode(), &held)
		switch {
		case code == http.StatusUnprocessableEntity || code == http.StatusBadRequest:
			return missing, &wrongKeyError{askErr.Error()}
		case askErr != nil:
			err = askErr
			left = append(left, number)
		default:
			maps.Copy(found, held.Partitions)
		}
	}
	return left, err
}
