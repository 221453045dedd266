package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"headwater.internal/platform/internal/supervisor"
)

// latency is measured by the tasks of sessionize: from the receipt of an event
// to the commit of its session, since each task's start.
type latency struct {
	P50     float64 `json:"p50_ms"`
	P90     float64 `json:"p90_ms"`
	P99     float64 `json:"p99_ms"`
	Samples uint64  `json:"samples"`
}

// events are the verdicts of the collector's tasks since their start.
type events struct {
	Accepted int64 `json:"accepted"`
	Refused  int64 `json:"refused"`
	Retry    int64 `json:"retry"`
}

const (
	latencyMetric    = "headwater_stream_record_e2e_latency_seconds"
	latencyProcessor = "sessionize"
	eventsMetric     = "headwater_collect_events_total"
	deniedMetric     = "headwater_authorization_denied_total"
)

// measured is what the tasks' own metrics say. A task that does not answer is
// left out.
type measured struct {
	latency histogram
	events  events
}

func measure(ctx context.Context, deployments []supervisor.Status) measured {
	var m measured
	for _, d := range deployments {
		for _, t := range d.TasksStatus {
			if t.HTTPAddress == "" {
				continue
			}
			families, err := scrape(ctx, t.HTTPAddress)
			if err != nil {
				continue
			}
			m.add(families)
		}
	}
	return m
}

func (m *measured) add(families map[string]*dto.MetricFamily) {
	for _, metric := range families[latencyMetric].GetMetric() {
		if label(metric, "processor") == latencyProcessor {
			m.latency.add(metric.GetHistogram())
		}
	}
	for _, metric := range families[eventsMetric].GetMetric() {
		n := int64(metric.GetCounter().GetValue())
		switch label(metric, "verdict") {
		case accepted:
			m.events.Accepted += n
		case refused:
			m.events.Refused += n
		case retry:
			m.events.Retry += n
		}
	}
}

// readDenials counts, by principal, the requests that the brokers refused for
// want of a right since the platform's start. It is empty when there were none.
func readDenials(ctx context.Context, supervisorURL string) map[string]int64 {
	denied := map[string]int64{}
	families, err := scrape(ctx, strings.TrimPrefix(supervisorURL, "http://"))
	if err != nil {
		return denied // as for the tasks: what does not answer is left out
	}
	for _, metric := range families[deniedMetric].GetMetric() {
		if n := int64(metric.GetCounter().GetValue()); n > 0 {
			denied[strings.TrimPrefix(label(metric, "principal"), "User:")] += n
		}
	}
	return denied
}

func label(metric *dto.Metric, name string) string {
	for _, l := range metric.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func scrape(ctx context.Context, address string) (map[string]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New("read metrics: " + resp.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(resp.Body)
}

// histogram is the sum of some with the same buckets.
type histogram struct {
	buckets map[float64]uint64 // cumulative counts by upper bound, in seconds
	samples uint64
}

func (h *histogram) add(other *dto.Histogram) {
	if h.buckets == nil {
		h.buckets = map[float64]uint64{}
	}
	h.samples += other.GetSampleCount()
	for _, b := range other.GetBucket() {
		h.buckets[b.GetUpperBound()] += b.GetCumulativeCount()
	}
}

// quantile returns, in milliseconds, the value below which a share q of the
// samples lies, taken evenly within its bucket. It is 0 without samples.
func (h *histogram) quantile(q float64) float64 {
	if h.samples == 0 {
		return 0
	}
	bounds := make([]float64, 0, len(h.buckets))
	for b := range h.buckets {
		bounds = append(bounds, b)
	}
	slices.Sort(bounds)
	rank := q * float64(h.samples)
	lower, below := 0.0, uint64(0)
	for _, upper := range bounds {
		count := h.buckets[upper]
		if float64(count) >= rank && count > below {
			if math.IsInf(upper, 1) {
				break
			}
			share := (rank - float64(below)) / float64(count-below)
			return 1000 * (lower + share*(upper-lower))
		}
		if !math.IsInf(upper, 1) {
			lower = upper
		}
		below = count
	}
	return 1000 * lower // beyond the last bucket: at least this
}

func (h *histogram) latency() latency {
	round := func(ms float64) float64 { return math.Round(ms*10) / 10 }
	return latency{P50: round(h.quantile(.5)), P90: round(h.quantile(.9)), P99: round(h.quantile(.99)), Samples: h.samples}
}
