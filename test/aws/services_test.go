package aws

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// fargate plays ECS: it reads the services of a cluster back from the account and
// runs as many tasks of each as it wants, of the task definition that it names.
type fargate struct {
	t        *testing.T
	account  *account
	cluster  string
	programs string // folder of the built programs
	dir      string

	mu      sync.Mutex
	started int
	tasks   map[string][]*task // by service
}

func openFargate(t *testing.T, p *place) *fargate {
	t.Helper()
	f := &fargate{t: t, account: p.account, cluster: "headwater-" + p.name, programs: absolute(t, "build/bin"), dir: longLivedDir(t), tasks: map[string][]*task{}}
	t.Cleanup(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for service, tasks := range f.tasks {
			for _, task := range tasks {
				task.kill()
				if t.Failed() {
					text := read(t, task.dir+".log")
					t.Logf("the end of the log of a task of %s:\n%s", service, text[max(0, len(text)-1500):])
				}
			}
		}
	})
	return f
}

// services are those of the cluster that run processors; the registry's tasks are
// played by machinery.
func (f *fargate) services(ctx context.Context) ([]types.Service, error) {
	client := ecs.NewFromConfig(f.account.config)
	listed, err := client.ListServices(ctx, &ecs.ListServicesInput{Cluster: &f.cluster, MaxResults: aws.Int32(100)})
	if err != nil || len(listed.ServiceArns) == 0 {
		return nil, err
	}
	var services []types.Service
	for _, arn := range listed.ServiceArns {
		out, err := client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &f.cluster, Services: []string{arn}})
		if err != nil {
			return nil, err
		}
		for _, service := range out.Services {
			if aws.ToString(service.ServiceName) != "registry" && aws.ToString(service.Status) == "ACTIVE" {
				services = append(services, service)
			}
		}
	}
	return services, nil
}

// reconcile brings what runs to what the services want: new tasks first, and those
// of an older definition once the new ones are healthy, as a rolling deployment.
func (f *fargate) reconcile(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	services, err := f.services(ctx)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	var troubles []error
	for _, service := range services {
		name := aws.ToString(service.ServiceName)
		wanted[name] = true
		if err := f.roll(ctx, name, aws.ToString(service.TaskDefinition), int(service.DesiredCount)); err != nil {
			troubles = append(troubles, fmt.Errorf("service %s: %w", name, err))
		}
	}
	for name, tasks := range f.tasks {
		if !wanted[name] {
			troubles = append(troubles, f.retire(name, tasks))
			delete(f.tasks, name)
		}
	}
	return errors.Join(troubles...)
}

func (f *fargate) roll(ctx context.Context, name, definition string, count int) error {
	var current, old []*task
	for _, task := range f.tasks[name] {
		if task.definition == definition {
			current = append(current, task)
		} else {
			old = append(old, task)
		}
	}
	for len(current) < count {
		task, err := f.startTask(ctx, definition)
		if err != nil {
			return err
		}
		current = append(current, task)
		f.tasks[name] = append(f.tasks[name], task)
	}
	for _, task := range current {
		if err := within(ctx, time.Minute, func() error { return task.healthy(ctx) }); err != nil {
			return fmt.Errorf("a task is not healthy within its start period: %w", err)
		}
	}
	old = append(old, current[count:]...)
	f.tasks[name] = current[:count]
	return f.retire(name, old)
}

// retire stops tasks at once, each within its own time.
func (f *fargate) retire(name string, tasks []*task) error {
	ended := make(chan error, len(tasks))
	for _, task := range tasks {
		go func() { ended <- task.stop() }()
	}
	var troubles []error
	for range tasks {
		if err := <-ended; err != nil {
			troubles = append(troubles, fmt.Errorf("a task of %s: %w", name, err))
		}
	}
	return errors.Join(troubles...)
}

// address is where a task of the service takes events.
func (f *fargate) address(service string) string {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.tasks[service]) == 0 {
		f.t.Fatalf("no task of %s runs", service)
	}
	return f.tasks[service][0].address
}
