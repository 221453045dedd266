package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// mostData is how many data one request may hold. A thousand are at most 1 MB: each
// is under 800 bytes, since settings bound its names.
const mostData = 1000

// publisher puts readings to CloudWatch.
type publisher struct {
	settings settings
	client   *cloudwatch.Client
	metrics  *metrics
	log      *onceLog

	mu      sync.Mutex
	arrived time.Time // the last publication
	problem error     // with the last one
}

func newPublisher(ctx context.Context, s settings, log *slog.Logger) (*publisher, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the settings of AWS: %w", err)
	}
	if cfg.Region == "" {
		return nil, fmt.Errorf("AWS_REGION is empty: set it to the region of the metrics")
	}
	return &publisher{settings: s, client: cloudwatch.NewFromConfig(cfg), metrics: newMetrics(), log: newOnceLog(log)}, nil
}

// publish puts the readings and the heartbeat. What did not arrive is not sent
// later: the next readings say more.
func (p *publisher) publish(ctx context.Context, list []reading, now time.Time) {
	// What is under way when the task is told to stop may still arrive.
	put, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.settings.interval)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(p.settings.drain, cancel) })()
	var err error
	for data := range slices.Chunk(p.data(list, now), mostData) {
		if _, err = p.client.PutMetricData(put, &cloudwatch.PutMetricDataInput{Namespace: &p.settings.namespace, MetricData: data}); err != nil {
			err = explain(err, "put metrics to "+p.settings.namespace, "cloudwatch:PutMetricData in that namespace")
			break
		}
	}
	p.log.say(ctx, "cloudwatch", err)
	p.metrics.count(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.problem = err; err == nil {
		p.arrived = now
	}
}

// data are the readings as CloudWatch takes them, the heartbeat last.
func (p *publisher) data(list []reading, now time.Time) []types.MetricDatum {
	environment := types.Dimension{Name: aws.String("Environment"), Value: &p.settings.environment}
	var data []types.MetricDatum
	for _, r := range list {
		dimensions := []types.Dimension{environment, {Name: aws.String("Processor"), Value: &r.processor}}
		for _, m := range []struct {
			name  string
			value float64
			unit  types.StandardUnit
		}{
			{"CapacityRatio", r.ratio, types.StandardUnitNone},
			{"TimeLag", r.lag, types.StandardUnitSeconds},
			{"Utilization", r.utilization, types.StandardUnitPercent},
		} {
			if !math.IsNaN(m.value) {
				data = append(data, types.MetricDatum{MetricName: &m.name, Value: &m.value, Unit: m.unit, Timestamp: &now, Dimensions: dimensions})
			}
		}
	}
	return append(data, types.MetricDatum{
		MetricName: aws.String("Heartbeat"), Value: aws.Float64(1), Unit: types.StandardUnitCount, Timestamp: &now, Dimensions: []types.Dimension{environment},
	})
}

// notReady says why nothing is published, "" when it is.
func (p *publisher) notReady() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.problem != nil:
		return p.problem.Error()
	case p.arrived.IsZero():
		return "nothing was published yet"
	}
	return ""
}
