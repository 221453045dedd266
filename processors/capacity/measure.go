package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"headwater.internal/platform/internal/capacity"
	"headwater.internal/platform/internal/capacity/offsets"
	"headwater.internal/platform/processors/internal/slot"
)

// measurer looks at all processors: at the brokers, which have their offsets and
// what their tasks reported, and at ECS, which has how many tasks are wished for.
type measurer struct {
	settings settings
	kafka    *kgo.Client
	ecs      *ecs.Client // nil without a cluster
	gauges   map[string]*gauge
	log      *onceLog
}

func newMeasurer(ctx context.Context, s settings, log *slog.Logger) (*measurer, error) {
	m := &measurer{settings: s, gauges: make(map[string]*gauge), log: newOnceLog(log)}
	for name, p := range s.processors {
		m.gauges[name] = &gauge{policy: p.policy()}
	}
	if s.cluster != "" {
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the settings of AWS: %w", err)
		}
		m.ecs = ecs.NewFromConfig(cfg)
	}
	var err error
	m.kafka, err = s.kafka.Client()
	return m, err
}

func (m *measurer) close() { m.kafka.Close() }

// look takes a sample of each processor. One that cannot be looked at has none.
func (m *measurer) look(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, 2*lookEach)
	defer cancel()
	desired, err := m.desired(ctx)
	m.log.say(ctx, "ecs", err)
	admin := kadm.NewClient(m.kafka)
	for _, name := range slices.Sorted(maps.Keys(m.gauges)) {
		inputs, err := offsets.Read(ctx, admin, name)
		m.log.say(ctx, "inputs of "+name, err)
		if err != nil {
			continue
		}
		tasks, err := slot.Loads(ctx, admin, name, now)
		m.log.say(ctx, "loads of "+name, err)
		if err != nil {
			continue
		}
		count := desired[name]
		if m.ecs == nil {
			count = len(tasks)
		}
		m.gauges[name].add(capacity.Sample{At: now, Inputs: inputs, Tasks: tasks}, count)
	}
}

// readings are what was seen since the last call, A to Z.
func (m *measurer) readings() []reading {
	var list []reading
	for _, name := range slices.Sorted(maps.Keys(m.gauges)) {
		if r, ok := m.gauges[name].read(name); ok {
			list = append(list, r)
		}
	}
	return list
}

// mostServices is how many ECS describes at once.
const mostServices = 10

// desired reads how many tasks each processor's service wishes for, which is what
// the scaler multiplies. Tasks that are starting count: they were asked for already.
func (m *measurer) desired(ctx context.Context) (map[string]int, error) {
	if m.ecs == nil {
		return nil, nil
	}
	processors := make(map[string]string)
	for name, p := range m.settings.processors {
		processors[p.Service] = name
	}
	found := make(map[string]int)
	for names := range slices.Chunk(slices.Sorted(maps.Keys(processors)), mostServices) {
		out, err := m.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &m.settings.cluster, Services: names})
		if err != nil {
			return found, explain(err, "read the desired counts of the services", "ecs:DescribeServices on them")
		}
		for _, f := range out.Failures {
			err = fmt.Errorf("read the desired count of service %s in cluster %s: %s", aws.ToString(f.Arn), m.settings.cluster, aws.ToString(f.Reason))
		}
		for _, s := range out.Services {
			found[processors[aws.ToString(s.ServiceName)]] = int(s.DesiredCount)
		}
		if err != nil {
			return found, err
		}
	}
	return found, nil
}
