package stream

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/topology"
)

// reset moves the group to another point and clears the state, in one
// transaction. The state's changelog gets a tombstone for each key, since brokers
// refuse to delete records of a topic that is only compacted, and since copies of
// the state elsewhere then learn of it. What the ledger counts is kept: it says
// what was done, and what is done again is counted again.
func (o *operator) reset(ctx context.Context, wish topology.Reset) (topology.ResetReport, error) {
	report := topology.ResetReport{
		Processor: o.spec.Name, StateTopic: o.spec.State.Topic, KeepState: wish.KeepState, DryRun: wish.DryRun, By: wish.By, At: o.now, Directories: []string{},
	}
	if err := o.idle(ctx); err != nil {
		return report, err
	}
	var err error
	if report.Moves, err = o.moves(ctx, wish); err != nil {
		return report, err
	}
	keys := make(map[int32][]string)
	if !wish.KeepState {
		if keys, err = o.stateKeys(ctx); err != nil {
			return report, err
		}
		for _, list := range keys {
			report.StateRecords += int64(len(list))
		}
		if report.Directories, err = o.directories(); err != nil || wish.DryRun {
			return report, err
		}
		// First, since a directory that is gone is restored whatever comes of the rest.
		for _, dir := range report.Directories {
			if err := os.RemoveAll(dir); err != nil {
				return report, fmt.Errorf("drop state: %w", err)
			}
		}
	}
	if wish.DryRun {
		return report, nil
	}
	note := fmt.Sprintf("reset/%s/%s", o.spec.Name, o.now.Format(time.RFC3339Nano))
	return report, o.transact(ctx, note, report, report.Moves, func(send func(*kgo.Record)) error {
		for number, list := range keys {
			for _, key := range list {
				send(&kgo.Record{Topic: o.spec.State.Topic, Partition: number, Key: []byte(key)})
			}
		}
		return nil
	})
}

// moves says where each partition goes.
func (o *operator) moves(ctx context.Context, wish topology.Reset) ([]topology.Move, error) {
	topics, err := o.resetTopics(ctx, wish)
	if err != nil {
		return nil, err
	}
	ends, err := o.ends(ctx, topics...)
	if err != nil {
		return nil, err
	}
	targets := ends.end
	switch wish.To {
	case "latest":
	case "earliest":
		targets = ends.start
	default:
		at, err := time.Parse(time.RFC3339, wish.To)
		if err != nil {
			return nil, fmt.Errorf("reset to %q: write earliest, latest or a time such as 2026-11-23T14:00:00Z", wish.To)
		}
		if targets, err = o.admin.ListOffsetsAfterMilli(ctx, at.UnixMilli(), topics...); err == nil {
			err = targets.Error()
		}
		if err != nil {
			return nil, fmt.Errorf("find the offsets of %s: %w", wish.To, err)
		}
	}
	committed, err := o.committed(ctx)
	if err != nil {
		return nil, err
	}
	list := []topology.Move{}
	targets.Each(func(target kadm.ListedOffset) {
		start, _ := ends.start.Lookup(target.Topic, target.Partition)
		m := topology.Move{Topic: target.Topic, Partition: target.Partition, From: committedAt(committed, target.Topic, target.Partition), To: target.Offset}
		if m.Own = o.writes(target.Topic); m.Own && !wish.KeepState {
			end, _ := ends.end.Lookup(target.Topic, target.Partition)
			m.To = end.Offset
		}
		done := cmp.Or(max(m.From, 0), start.Offset) // without a commit it would begin at the start
		m.Again, m.Passed = max(done-max(m.To, start.Offset), 0), max(m.To-max(done, start.Offset), 0)
		list = append(list, m)
	})
	slices.SortFunc(list, func(a, b topology.Move) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return list, nil
}

// writes says whether the processor itself writes the input. What it wrote there
// of the records that it takes again, it writes again: taking both would count
// them twice.
func (o *operator) writes(topic string) bool {
	_, writes := o.spec.sink(topic)
	return writes
}

// resetTopics are the inputs that are reset. A part of them can be only where the
// state stays, which is shared by all inputs of a partition number. There the
// processor's own topics stay where they are, unless they are named.
func (o *operator) resetTopics(ctx context.Context, wish topology.Reset) ([]string, error) {
	details, err := o.admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	all := slices.DeleteFunc(slices.Sorted(maps.Keys(details)), func(topic string) bool {
		_, reads := o.spec.source(topic)
		return !reads
	})
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("reset %s: none of its inputs exists", o.spec.Name)
	case wish.Topic == "" && wish.KeepState:
		return slices.DeleteFunc(all, o.writes), nil
	case wish.Topic == "":
		return all, nil
	case !slices.Contains(all, wish.Topic):
		return nil, fmt.Errorf("%s does not read %s: it reads %s", o.spec.Name, wish.Topic, strings.Join(all, ", "))
	case !wish.KeepState && len(all) > 1:
		return nil, fmt.Errorf("%s reads %d topics and keeps one state for all: reset all of them, or add --keep-state to move %s alone", o.spec.Name, len(all), wish.Topic)
	}
	return []string{wish.Topic}, nil
}

// stateKeys lists by partition what the changelog holds, less the ledger.
func (o *operator) stateKeys(ctx context.Context) (map[int32][]string, error) {
	topic := o.spec.State.Topic
	ends, err := o.ends(ctx, topic)
	if err != nil {
		return nil, err
	}
	keys := make(map[int32][]string)
	for number := range ends.end[topic] {
		start, _ := ends.start.Lookup(topic, number)
		end, _ := ends.end.Lookup(topic, number)
		live := make(map[string]struct{})
		err := o.scan(ctx, topicPartition{topic, number}, start.Offset, end.Offset, func(r *kgo.Record) error {
			if key := string(r.Key); r.Value == nil {
				delete(live, key)
			} else if !ofLedger(key) {
				live[key] = struct{}{}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		keys[number] = slices.Collect(maps.Keys(live))
	}
	return keys, nil
}

// ofLedger says whether a stored key is a line of the ledger.
func ofLedger(stored string) bool {
	return strings.HasPrefix(stored, runtimeKey(keyLedger, "")) || strings.HasPrefix(stored, runtimeKey(keyImportLedger, ""))
}

// directories are those of the deployment's state on this machine.
func (o *operator) directories() ([]string, error) {
	if o.stateDir == "" {
		return []string{}, nil
	}
	list, err := filepath.Glob(filepath.Join(o.stateDir, "*"))
	if err != nil {
		return nil, fmt.Errorf("list state directories: %w", err)
	}
	return append([]string{}, list...), nil
}
