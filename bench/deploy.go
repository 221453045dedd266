package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"headwater.internal/platform/internal/supervisor"
)

// everything is one task of each processor, as the platform starts.
var everything = map[string]int{"collect": 1, "refine": 1, "sessionize": 1, "aggregate": 1}

// deploy has the supervisor run so many tasks of these processors, and none of
// others. It returns when all of them are ready.
func (p *platform) deploy(ctx context.Context, tasks map[string]int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	running, err := p.supervisor.List(ctx)
	if err != nil {
		return err
	}
	for _, d := range running {
		if tasks[d.Name] == 0 {
			if err := p.supervisor.Delete(ctx, d.Name); err != nil {
				return err
			}
		}
	}
	for _, d := range p.deployments {
		n := tasks[d.Name]
		if n == 0 {
			continue
		}
		d.Tasks = n
		if _, err := p.supervisor.Apply(ctx, d); err != nil {
			return err
		}
	}
	for name := range tasks {
		if _, err := p.supervisor.WaitSettled(ctx, name); err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
	}
	return nil
}

// tasks is what runs of a processor.
func (p *platform) tasks(ctx context.Context, name string) ([]supervisor.Task, error) {
	status, err := p.supervisor.Get(ctx, name)
	return status.TasksStatus, err
}

// memory is what all tasks of a processor have resident, in MiB.
func (p *platform) memory(ctx context.Context, name string) (float64, error) {
	tasks, err := p.tasks(ctx, name)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, t := range tasks {
		mib, err := residentMiB(t.PID)
		if err != nil {
			return 0, err
		}
		sum += mib
	}
	return sum, nil
}

// stateMiB is what a processor's tasks have on disk.
func (p *platform) stateMiB(name string) (float64, error) {
	bytes := int64(0)
	err := filepath.WalkDir(p.place.Path("state", name), func(_ string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // Pebble deletes files at any time
		}
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return float64(bytes) / (1 << 20), err
}
