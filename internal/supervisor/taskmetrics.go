package supervisor

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"headwater.internal/platform/internal/capacity"
)

// Metrics of a task, as processors/internal/stream names them.
const (
	recordsMetric = "headwater_stream_process_total"
	busyMetric    = "headwater_stream_busy_seconds_total"
	lagMetric     = "headwater_stream_lag_seconds"
)

// readTasks asks the running tasks for their counters, side by side. One that
// does not answer is left out.
func readTasks(ctx context.Context, tasks []Task) []capacity.Task {
	found := make([]*capacity.Task, len(tasks))
	var wg sync.WaitGroup
	for i, t := range tasks {
		if t.State != Running {
			continue
		}
		wg.Go(func() {
			families, err := scrape(ctx, t.HTTPAddress)
			if err != nil {
				return
			}
			found[i] = &capacity.Task{
				ID:      fmt.Sprintf("%d/%d", t.Ordinal, t.PID),
				Records: sum(families[recordsMetric]), BusySeconds: sum(families[busyMetric]), LagSeconds: sum(families[lagMetric]),
			}
		})
	}
	wg.Wait()
	var list []capacity.Task
	for _, t := range found {
		if t != nil {
			list = append(list, *t)
		}
	}
	return list
}

func scrape(ctx context.Context, address string) (map[string]*dto.MetricFamily, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := probe.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read metrics: %s", resp.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(resp.Body)
}

// sum adds up a family's counters and gauges over their labels.
func sum(family *dto.MetricFamily) float64 {
	total := 0.0
	for _, m := range family.GetMetric() {
		total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return total
}
