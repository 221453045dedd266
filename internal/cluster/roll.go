package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Roller restarts the nodes of a cluster one at a time, each only while the
// cluster can spare it, and goes on only once it has its place again. It never
// forces: what stands in the way for too long ends the roll with the reason.
type Roller struct {
	Client *kgo.Client
	// Restart stops the node in order, starts it and returns when it serves.
	Restart func(ctx context.Context, id int32) error
	// Done notes a node that has been restarted and is well; may be nil. A roll
	// that is taken up again leaves such nodes out.
	Done func(id int32) error
	// Say tells people what goes on; may be nil.
	Say func(text string)
	// Patience is how long the cluster may take to spare a node, and to be whole
	// again after its restart; 5 minutes when 0.
	Patience time.Duration
}

// probeEvery is how often the cluster is looked at while a roll waits.
const probeEvery = 500 * time.Millisecond

// Roll restarts the nodes in that order.
func (r Roller) Roll(ctx context.Context, nodes []int32) error {
	for i, id := range nodes {
		if err := r.await(ctx, fmt.Sprintf("spare node %d", id), func(s Snapshot) []string { return s.RestartRefusals(id) }); err != nil {
			return err
		}
		begun := time.Now()
		r.say("%d of %d: restart node %d", i+1, len(nodes), id)
		if err := r.Restart(ctx, id); err != nil {
			return fmt.Errorf("restart node %d: %w", id, err)
		}
		if err := r.await(ctx, fmt.Sprintf("have node %d back", id), func(s Snapshot) []string { return s.missing(id) }); err != nil {
			return err
		}
		if err := r.giveBack(ctx, id); err != nil {
			return err
		}
		r.say("%d of %d: node %d is back after %s", i+1, len(nodes), id, time.Since(begun).Round(100*time.Millisecond))
		if r.Done != nil {
			if err := r.Done(id); err != nil {
				return fmt.Errorf("note that node %d is done: %w", id, err)
			}
		}
	}
	return nil
}

func (r Roller) say(format string, args ...any) {
	if r.Say != nil {
		r.Say(fmt.Sprintf(format, args...))
	}
}

// missing says what the cluster still lacks after the node's restart.
func (s Snapshot) missing(id int32) []string {
	var reasons []string
	if b, ok := s.Broker(id); ok && !b.Up {
		reasons = append(reasons, fmt.Sprintf("broker %d is not up yet", id))
	}
	var behind []string
	for _, p := range s.Underreplicated() {
		behind = append(behind, p.String())
	}
	if len(behind) > 0 {
		reasons = append(reasons, "replicas have to catch up: "+count(behind))
	}
	if slices.Contains(s.Lagging, id) {
		reasons = append(reasons, fmt.Sprintf("controller %d has to catch up", id))
	}
	return reasons
}

// await looks until nothing stands in the way. A look that fails is one more
// reason: coordinators and leaders move while nodes restart.
func (r Roller) await(ctx context.Context, aim string, obstacles func(Snapshot) []string) error {
	patience := r.Patience
	if patience == 0 {
		patience = 5 * time.Minute
	}
	begun := time.Now()
	for told := time.Now(); ; {
		looked, cancel := context.WithTimeout(ctx, 10*time.Second)
		s, err := Read(looked, r.Client)
		cancel()
		reasons := []string{}
		if err != nil {
			reasons = append(reasons, err.Error())
		} else {
			reasons = obstacles(s)
		}
		switch {
		case len(reasons) == 0:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("wait to %s: %w", aim, context.Cause(ctx))
		case time.Since(begun) > patience:
			return fmt.Errorf("the cluster cannot %s: %s", aim, strings.Join(reasons, "; "))
		}
		if time.Since(told) > 5*time.Second {
			r.say("wait to %s: %s", aim, strings.Join(reasons, "; "))
			told = time.Now()
		}
		select {
		case <-ctx.Done():
		case <-time.After(probeEvery):
		}
	}
}

// giveBack makes the node lead again what it is the preferred leader of: without
// it each restart leaves the others with more, and the last with nothing.
func (r Roller) giveBack(ctx context.Context, id int32) error {
	s, err := Read(ctx, r.Client)
	if err != nil {
		return err
	}
	mine := s
	mine.Partitions = nil
	for _, p := range s.Partitions {
		if len(p.Replicas) > 0 && p.Replicas[0] == id {
			mine.Partitions = append(mine.Partitions, p)
		}
	}
	err = NewReassigner(r.Client, Options{}).elect(ctx, mine)
	return errors.Join(err, ctx.Err())
}
